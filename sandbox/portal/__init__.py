"""What one Bitrix24 portal holds and its REST methods, without HTTP: parameters in, `Result` out or RestError."""

from .methods import Portals
from .shapes import Caller, Params, RestError, Result

__all__ = ["Caller", "Params", "Portals", "RestError", "Result"]
