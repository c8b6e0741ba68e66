"""What hangs on cards: comments, things to do; and the search for duplicates."""

from __future__ import annotations

from datetime import UTC, datetime

from ..portal_fields import CONTACT, ENTITY_NAMES, LEAD, moment_of, phone_key, stamp
from .asked import required, values_of
from .holdings import Holdings
from .shapes import Caller, Params, RestError, Result

ENTITY_IDS = {name: number for number, name in ENTITY_NAMES.items()}


class Attached(Holdings):
    """Of leads, deals and contacts alike."""

    def find_duplicates(self, caller: Caller, params: Params) -> Result:
        """Ids by type; once a type gives 20, the later ones are left out."""
        params = {key.lower(): value for key, value in params.items()}
        kind = str(params.get("type", "")).upper()
        values = values_of(params.get("values"))[:20]
        if kind not in ("PHONE", "EMAIL"):
            raise RestError("", "Communication type is not supported in current context.")
        if not values:
            raise RestError("", "Communication values are not specified.")
        wanted = {communication(kind, str(value)) for value in values}
        only = str(params.get("entity_type") or "").upper()
        found: dict[str, list[int]] = {}
        for entity in (LEAD, CONTACT):
            name = ENTITY_NAMES[entity]
            if only not in ("", name.upper()):
                continue
            ids = [
                item["id"]
                for item in self.all_of(caller.portal, name)
                if any(fm["typeId"] == kind and communication(kind, fm["value"]) in wanted for fm in item["fm"])
            ]
            if ids:
                found[name.upper()] = ids[:20]
            if len(ids) >= 20:
                break
        return Result(found or [])

    def comment_add(self, caller: Caller, params: Params) -> Result:
        fields = params.get("fields")  # this method alone insists on the lower-case key
        if not isinstance(fields, dict):
            raise RestError("100", "Could not find value for parameter {fields}")
        entity, number = str(fields.get("ENTITY_TYPE", "")).lower(), fields.get("ENTITY_ID")
        if entity not in ENTITY_IDS or self._find(caller.portal, entity, number) is None:
            raise RestError("", "Not found")
        if not str(fields.get("COMMENT") or "").strip():
            raise RestError("", "Empty comment message")
        row = {
            "ID": self._next_id(caller.portal, "comment"),
            "ENTITY_TYPE": entity,
            "ENTITY_ID": int(number or 0),
            "COMMENT": str(fields["COMMENT"]),
            "AUTHOR_ID": caller.user_id,
            "CREATED": stamp(datetime.now(UTC)),
        }
        self._save(caller.portal, "comment", row["ID"], row)
        return Result(row["ID"])

    def todo_add(self, caller: Caller, params: Params) -> Result:
        owner_type = required(params, "ownerTypeId")
        owner_id = required(params, "ownerId")
        deadline = str(required(params, "deadline"))
        entity = ENTITY_NAMES.get(int(owner_type)) if str(owner_type).isdigit() else None
        if entity is None or self._find(caller.portal, entity, owner_id) is None:
            raise RestError("NOT_FOUND", "Элемент не найден")
        try:
            moment_of(deadline)
        except ValueError:
            raise RestError("INVALID_ARG_VALUE", "deadline is not a date") from None
        row = {
            "id": self._next_id(caller.portal, "activity"),
            "ownerTypeId": int(owner_type),
            "ownerId": int(owner_id),
            "deadline": deadline,
            "title": str(params.get("title", "")),
            "description": str(params.get("description", "")),
            "responsibleId": int(params.get("responsibleId") or caller.user_id),
        }
        self._save(caller.portal, "activity", row["id"], row)
        return Result({"id": row["id"]})


def communication(kind: str, value: str) -> str:
    return phone_key(value) if kind == "PHONE" else value.strip().lower()
