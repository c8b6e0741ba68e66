"""The weights in use, by business and version: read when the first message needs them, then kept in the process.

A version never changes, so nothing kept is ever stale; which version is in use the caller knows."""

from __future__ import annotations

import logging
from collections import OrderedDict
from threading import Lock

from django.db import connection

from assistant import model as weights
from assistant.model import Model
from assistant.models import ModelVersion
from leadhub.work import later

logger = logging.getLogger(__name__)

MOST = 24  # versions kept in a process: of 1-3 MB each

_kept: OrderedDict[tuple[str, int], Model | None] = OrderedDict()
_lock = Lock()


def published() -> int:
    """The id of the version in use in the current tenant; 0: the shipped weights."""
    return ModelVersion.objects.filter(status=ModelVersion.Status.PUBLISHED).values_list("pk", flat=True).first() or 0


def model(version_id: int) -> Model | None:
    """Weights of a version of the current tenant; None: the shipped ones are to be used, because the id is 0, or
    because the version stands on weights that are shipped no more."""
    if not version_id:
        return None
    key = (connection.schema_name, version_id)  # type: ignore[attr-defined]  # the tenants backend has it
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    found = _read(version_id)
    with _lock:
        _kept[key] = found
        while len(_kept) > MOST:
            _kept.popitem(last=False)
    return found


def _read(version_id: int) -> Model | None:
    row = ModelVersion.objects.filter(pk=version_id).values_list("weights", "base").first()
    base = weights.shipped()
    if row is None or row[0] is None or row[1] != base.fingerprint:
        logger.warning("version %s of the weights does not fit the shipped ones", version_id)
        later("assistant.renew_version", key="renew")
        return None
    return Model.load(bytes(row[0]), base=base)


def forget() -> None:
    """Drop what is kept (tests)."""
    with _lock:
        _kept.clear()
