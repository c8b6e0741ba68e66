"""`crm.lead.*`, `crm.deal.*`, `crm.contact.*`: cards in the old spelling, and their user fields."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from ..portal_fields import ENTITY_NAMES, MULTI_FIELDS, USER_TYPES, comparable
from .asked import old_fields, paged, pairs, values_of
from .cards import Cards
from .filters import FILTER_KEY, matches
from .shapes import Caller, Params, RestError, Result


class OldCards(Cards):
    """Fields in UPPER_CASE; errors have no code."""

    def old_add(self, caller: Caller, entity: int, params: Params) -> Result:
        self._leads_allowed(caller, entity)
        told, fm = self._old_told(caller.portal, entity, old_fields(params))
        return Result(self._create(caller, entity, told, fm)["id"])

    def old_update(self, caller: Caller, entity: int, params: Params) -> Result:
        item = self._old_item(caller, entity, params)
        told, fm = self._old_told(caller.portal, entity, old_fields(params))
        self._change(caller, entity, item, told, fm)
        return Result(True)

    def old_get(self, caller: Caller, entity: int, params: Params) -> Result:
        item = self._old_item(caller, entity, params)
        names = {*self._old_names(caller.portal, entity), *MULTI_FIELDS}
        return Result(self._old_shown(caller.portal, entity, item, names))

    def old_delete(self, caller: Caller, entity: int, params: Params) -> Result:
        self._remove(caller, entity, self._old_item(caller, entity, params)["id"])
        return Result(True)

    def old_list(self, caller: Caller, entity: int, params: Params) -> Result:
        """Unknown names in the filter are passed over; phones and user fields come only when selected by name."""
        self._leads_allowed(caller, entity)
        params = {key.lower(): value for key, value in params.items()}
        kinds = self._kinds(caller.portal, entity)
        camel = {old: name for name, old in self._old_names(caller.portal, entity, swapped=True).items()}
        conditions, multi = {}, {}
        for key, value in pairs(params.get("filter")).items():
            match = FILTER_KEY.fullmatch(key)
            name = match[2].upper() if match else ""
            if name in camel and match:
                conditions[(match[1] or "=") + camel[name]] = value
            elif name in MULTI_FIELDS:
                multi[name] = {str(one) for one in (value if isinstance(value, list) else [value])}
        items = [
            item
            for item in self.all_of(caller.portal, ENTITY_NAMES[entity])
            if matches(item, conditions, kinds) and has_values(item, multi)
        ]
        for key, direction in reversed(list(pairs(params.get("order")).items() or [("ID", "ASC")])):
            field = camel.get(key.upper(), "id")
            items.sort(
                key=lambda item, f=field: comparable(kinds[f], item.get(f)), reverse=str(direction).upper() == "DESC"
            )
        page, total, following = paged(items, params.get("start"))
        names = self._old_selected(caller.portal, entity, params.get("select"))
        return Result([self._old_shown(caller.portal, entity, item, names) for item in page], total, following)

    def _old_names(self, portal: str, entity: int, *, swapped: bool = False) -> dict[str, str]:
        """UPPER_CASE to camelCase; swapped the other way round."""
        names = {self._upper(portal, entity, name): name for name in self._kinds(portal, entity)}
        return {name: upper for upper, name in names.items()} if swapped else names

    def _old_told(self, portal: str, entity: int, fields: Params) -> tuple[dict[str, Any], list[Params]]:
        names = self._old_names(portal, entity)
        camel = {names[key.upper()]: value for key, value in fields.items() if key.upper() in names}
        fm = [
            {
                "id": value.get("ID", ""),
                "typeId": kind,
                "valueType": value.get("VALUE_TYPE") or "WORK",
                "value": str(value.get("VALUE", "")),
                "delete": value.get("DELETE") == "Y",
            }
            for kind in MULTI_FIELDS
            for value in values_of(fields.get(kind))
            if isinstance(value, dict)
        ]
        return self._told(portal, entity, camel), fm

    def _old_item(self, caller: Caller, entity: int, params: Params) -> dict[str, Any]:
        self._leads_allowed(caller, entity)
        number = next((value for key, value in params.items() if key.lower() == "id"), "")
        if not str(number).isdigit() or int(number) <= 0:
            raise RestError("", "ID is not defined or invalid.")
        item = self._find(caller.portal, ENTITY_NAMES[entity], int(number))
        if item is None:
            raise RestError("", "Not found")
        return item

    def _old_selected(self, portal: str, entity: int, select: Any) -> set[str]:
        names = set(self._old_names(portal, entity))
        plain = {name for name in names if not name.startswith("UF_")}
        wanted = {str(name).upper() for name in values_of(select)} or {"*"}
        chosen = {"ID"} | (wanted & (names | set(MULTI_FIELDS)))
        if "*" in wanted:
            chosen |= plain
        return chosen | ((names - plain) if "UF_*" in wanted else set())

    def _old_shown(self, portal: str, entity: int, item: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Every value as text, null for none."""
        camel, shown = self._old_names(portal, entity), {}
        for upper in sorted(names):
            if upper in MULTI_FIELDS:
                values = [old_fm(value) for value in item["fm"] if value["typeId"] == upper]
                if values:
                    shown[upper] = values
                continue
            value = item.get(camel[upper])
            shown[upper] = value if value is None or isinstance(value, list) else str(value)
        return shown

    def user_field_add(self, caller: Caller, entity: int, params: Params) -> Result:
        fields = old_fields(params)
        name = str(fields.get("FIELD_NAME", "")).upper()
        name = name if name.startswith("UF_CRM_") else f"UF_CRM_{name}"
        portal = self.portal(caller.portal)
        own = portal["user_fields"].setdefault(ENTITY_NAMES[entity], {})
        if caller.user_id != 1:
            raise RestError("", "Access denied.")
        if fields.get("USER_TYPE_ID") not in USER_TYPES:
            raise RestError("", "The 'USER_TYPE_ID' field is not found or is not supported.")
        if not re.fullmatch(r"UF_CRM_[A-Z0-9_]+", name) or len(name) > 50:
            raise RestError("", "The 'FIELD_NAME' field is invalid.")
        if name in own:
            raise RestError("", f"Field {name} already exists.")
        own[name] = {**fields, "FIELD_NAME": name, "ID": self._next_id(caller.portal, "userfield")}
        self.portals.put(caller.portal, portal)
        return Result(own[name]["ID"])

    def user_field_list(self, caller: Caller, entity: int, params: Params) -> Result:
        own = self.portal(caller.portal)["user_fields"].get(ENTITY_NAMES[entity], {})
        rows = [
            {**about, "ID": str(about["ID"]), "ENTITY_ID": f"CRM_{ENTITY_NAMES[entity].upper()}"}
            for about in own.values()
        ]
        return Result(rows, len(rows))


def old_fm(value: Params) -> Params:
    return {
        "ID": str(value["id"]),
        "VALUE_TYPE": value["valueType"],
        "VALUE": value["value"],
        "TYPE_ID": value["typeId"],
    }


def has_values(item: dict[str, Any], multi: dict[str, set[str]]) -> bool:
    return all(
        any(fm["typeId"] == kind and fm["value"] in values for fm in item["fm"]) for kind, values in multi.items()
    )
