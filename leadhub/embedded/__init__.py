"""PostgreSQL and Valkey of a bare machine: started from PyPI wheels when no outside ones are named."""

from leadhub.embedded.errors import ServiceFailed
from leadhub.embedded.services import services_for

__all__ = ["ServiceFailed", "services_for"]
