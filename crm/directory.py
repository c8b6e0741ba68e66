"""What a portal has (mode, sources, stages, our own fields), read with one request and kept for some minutes."""

from __future__ import annotations

from typing import Any

from django.db import connection

from crm import mapping
from crm.connection import Command, Portal, keep, kept
from crm.mapping import DEAL, LEAD, Directory

KEPT_SECONDS = 600
_ASKED: dict[str, Command] = {
    "mode": ("crm.settings.mode.get", {}),
    "sources": ("crm.status.list", {"filter": {"ENTITY_ID": "SOURCE"}, "order": {"SORT": "ASC"}}),
    "lead_stages": ("crm.status.list", {"filter": {"ENTITY_ID": "STATUS"}, "order": {"SORT": "ASC"}}),
    "deal_stages": ("crm.status.list", {"filter": {"ENTITY_ID": "DEAL_STAGE"}, "order": {"SORT": "ASC"}}),
    "lead_fields": ("crm.item.fields", {"entityTypeId": LEAD}),
    "deal_fields": ("crm.item.fields", {"entityTypeId": DEAL}),
}


def directory_of(portal: Portal, *, afresh: bool = False) -> Directory:
    """Raises TryLater, GiveUp as `Portal.run` does."""
    key = _key(portal)
    if not afresh and (known := kept(key)):
        return known
    answer = portal.run(_ASKED)
    answer.errors.pop("lead_fields", None)  # a portal without leads refuses to speak of them
    answer.check()
    found = answer.results
    mode = mapping.SIMPLE if str(found["mode"]) == str(mapping.SIMPLE) else mapping.CLASSIC
    own = found.get("deal_fields" if mode == mapping.SIMPLE else "lead_fields")
    directory = Directory(
        mode=mode,
        sources=mapping.sources(found["sources"]),
        lead_stages=mapping.stages(found["lead_stages"]),
        deal_stages=mapping.stages(found["deal_stages"]),
        own_fields=frozenset(_names(own)) & {name for _, _, _, name in mapping.OWN_FIELDS},
    )
    keep(key, directory, KEPT_SECONDS)
    return directory


def forget_directory(portal: Portal) -> None:
    """It is read anew with the next push."""
    keep(_key(portal), None, 1)


def _names(told: Any) -> list[str]:
    fields = told.get("fields") if isinstance(told, dict) else None
    return list(fields) if isinstance(fields, dict) else []


def _key(portal: Portal) -> str:
    return f"crm:directory:{connection.schema_name}:{portal.connection.pk}:{portal.connection.domain}"
