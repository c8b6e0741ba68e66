"""Leads, deals and contacts, whatever spelling they are asked in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..portal_fields import (
    ENTITY_NAMES,
    FIELDS,
    LEAD,
    LOST,
    READ_ONLY,
    USER_TYPES,
    WON,
    WrongValue,
    old_name,
    stamp,
    taken,
    user_field_name,
)
from .holdings import Holdings
from .shapes import Caller, Params, RestError


class Cards(Holdings):
    """Made, changed and removed; the fields that they have and the stages that they may be in."""

    def _leads_allowed(self, caller: Caller, entity: int) -> None:
        if entity == LEAD and self.portal(caller.portal)["mode"] == 2:
            raise RestError("ACCESS_DENIED", "Доступ запрещен", 403)

    def _kinds(self, portal: str, entity: int) -> dict[str, str]:
        """The type of every field of the entity, the portal's own fields included."""
        own = self.portal(portal)["user_fields"].get(ENTITY_NAMES[entity], {})
        return FIELDS[entity] | {
            user_field_name(name): USER_TYPES[about["USER_TYPE_ID"]] for name, about in own.items()
        }

    def _upper(self, portal: str, entity: int, name: str) -> str:
        own = self.portal(portal)["user_fields"].get(ENTITY_NAMES[entity], {})
        return next((upper for upper in own if user_field_name(upper) == name), old_name(entity, name))

    def _told(self, portal: str, entity: int, fields: Params) -> dict[str, Any]:
        """The known writable fields of a request, by camelCase name; unknown ones are silently left out."""
        kinds = self._kinds(portal, entity)
        told = {}
        for sent, value in fields.items():
            name = user_field_name(sent) if sent.startswith("UF_CRM") else sent
            if name in kinds and name not in READ_ONLY:
                told[name] = taken(name, kinds[name], value)
        return told

    def _create(self, caller: Caller, entity: int, told: dict[str, Any], fm: list[Params] | None) -> dict[str, Any]:
        name = ENTITY_NAMES[entity]
        item = {field: taken(field, kind, "") if kind != "ids" else [] for field, kind in FIELDS[entity].items()}
        now = stamp(datetime.now(UTC))
        item |= {"opened": "Y", "assignedById": caller.user_id, "createdTime": now, "createdBy": caller.user_id}
        if "currencyId" in item:
            item["currencyId"] = "RUB"
        if "categoryId" in item:
            item["categoryId"] = told.get("categoryId") or 0
        if "stageId" in item:
            item["stageId"] = told.get("stageId") or next(iter(self._stages(caller.portal, entity, item)))
            self._check_stage(caller.portal, entity, item | told)
        number = self._next_id(caller.portal, name)
        item["id"] = number
        if "title" in item:
            item["title"] = f"{'Лид' if entity == LEAD else 'Сделка'} #{number}"
        self._apply(caller, entity, item, {key: value for key, value in told.items() if value not in (None, "")}, fm)
        self.changed(caller.portal, f"ONCRM{name.upper()}ADD", number)
        return item

    def _change(
        self, caller: Caller, entity: int, item: dict[str, Any], told: dict[str, Any], fm: list[Params] | None
    ) -> None:
        if told.get("categoryId", item.get("categoryId")) != item.get("categoryId") and "stageId" not in told:
            told["stageId"] = next(iter(self._stages(caller.portal, entity, item | told)))
        if "stageId" in told or "categoryId" in told:
            self._check_stage(caller.portal, entity, item | told)
        if told.get("stageId") not in (None, item.get("stageId")):
            item["previousStageId"] = item["stageId"]
            item["movedTime"], item["movedBy"] = stamp(datetime.now(UTC)), caller.user_id
        self._apply(caller, entity, item, told, fm)
        self.changed(caller.portal, f"ONCRM{ENTITY_NAMES[entity].upper()}UPDATE", item["id"])

    def _apply(
        self, caller: Caller, entity: int, item: dict[str, Any], told: dict[str, Any], fm: list[Params] | None
    ) -> None:
        """Write told values and what follows from them, and keep the item."""
        item |= told
        if "contactIds" in told:
            item["contactId"] = told["contactIds"][0] if told["contactIds"] else None
        elif "contactId" in told:
            item["contactIds"] = [told["contactId"]] if told["contactId"] else []
        item.setdefault("fm", [])
        for change in fm or []:
            self._change_fm(caller.portal, item["fm"], change)
        if "hasPhone" in item:
            for field, kind in (("hasPhone", "PHONE"), ("hasEmail", "EMAIL"), ("hasImol", "IM")):
                item[field] = "Y" if any(value["typeId"] == kind for value in item["fm"]) else "N"
            item["fullName"] = " ".join(filter(None, (item["name"], item["secondName"], item["lastName"])))
        if "stageSemanticId" in item:
            stage = item["stageId"].rpartition(":")[2]
            item["stageSemanticId"] = "S" if stage in WON else "F" if stage in LOST else "P"
        if "closed" in item:
            item["closed"] = "N" if item["stageSemanticId"] == "P" else "Y"
        now = stamp(datetime.now(UTC))
        item |= {"updatedTime": now, "updatedBy": caller.user_id, "lastActivityTime": now}
        self._save(caller.portal, ENTITY_NAMES[entity], item["id"], item)

    def _change_fm(self, portal: str, values: list[Params], change: Params) -> None:
        """Add a phone or e-mail, or with a known id change or delete it."""
        known = next((value for value in values if str(value["id"]) == str(change.get("id", ""))), None)
        if known is None:
            if change.get("value"):
                values.append(change | {"id": self._next_id(portal, "fm")})
        elif change.get("delete") or change.get("value") == "":
            values.remove(known)
        else:
            known |= {key: value for key, value in change.items() if key not in ("id", "delete") and value}

    def _stages(self, portal: str, entity: int, item: dict[str, Any]) -> dict[str, str]:
        directory = self.portal(portal)["directory"]
        if entity == LEAD:
            return directory["STATUS"]
        category = item.get("categoryId") or 0
        return directory.get(f"DEAL_STAGE_{category}" if category else "DEAL_STAGE", {"": ""})

    def _check_stage(self, portal: str, entity: int, item: dict[str, Any]) -> None:
        if item["stageId"] not in self._stages(portal, entity, item):
            raise WrongValue("stageId")

    def _remove(self, caller: Caller, entity: int, number: int) -> None:
        self.rows.drop(f"{caller.portal}:{ENTITY_NAMES[entity]}:{number}")
        self.changed(caller.portal, f"ONCRM{ENTITY_NAMES[entity].upper()}DELETE", number)
