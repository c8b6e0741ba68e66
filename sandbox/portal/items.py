"""`crm.item.*`: cards in the new spelling."""

from __future__ import annotations

from typing import Any

from ..portal_fields import CONTACT, ENTITY_NAMES, FIELDS, LEAD, READ_ONLY, comparable
from .asked import fm_of, paged, pairs, required, values_of
from .cards import Cards
from .filters import known, matches
from .shapes import Caller, Params, RestError, Result


class Items(Cards):
    """Fields in camelCase; errors have a code."""

    def item_add(self, caller: Caller, params: Params) -> Result:
        entity = self._entity(caller, params)
        fields = required(params, "fields")
        item = self._create(caller, entity, self._told(caller.portal, entity, fields), fm_of(fields.get("fm")))
        return Result({"item": self._shown(caller.portal, entity, item, params, with_fm=True)})

    def item_update(self, caller: Caller, params: Params) -> Result:
        entity = self._entity(caller, params)
        item = self._item(caller, entity, params)
        fields = required(params, "fields")
        told = self._told(caller.portal, entity, fields)
        self._change(caller, entity, item, told, fm_of(fields.get("fm")))
        return Result({"item": self._shown(caller.portal, entity, item, params, with_fm=True)})

    def item_get(self, caller: Caller, params: Params) -> Result:
        entity = self._entity(caller, params)
        item = self._item(caller, entity, params)
        return Result({"item": self._shown(caller.portal, entity, item, params, with_fm=True)})

    def item_delete(self, caller: Caller, params: Params) -> Result:
        entity = self._entity(caller, params)
        self._remove(caller, entity, self._item(caller, entity, params)["id"])
        return Result([])

    def item_list(self, caller: Caller, params: Params) -> Result:
        entity = self._entity(caller, params)
        kinds = self._kinds(caller.portal, entity)
        items = self.all_of(caller.portal, ENTITY_NAMES[entity])
        conditions = pairs(params.get("filter"))
        matches({}, conditions, kinds)  # a wrong name is an error in an empty portal too
        items = [item for item in items if matches(item, conditions, kinds)]
        for name, direction in reversed(list(pairs(params.get("order")).items() or [("id", "ASC")])):
            field = known(name, kinds, "order")
            items.sort(
                key=lambda item, f=field: comparable(kinds[f], item.get(f)), reverse=str(direction).upper() == "DESC"
            )
        page, total, following = paged(items, params.get("start"))
        return Result(
            {"items": [self._selected(caller.portal, entity, item, params) for item in page]}, total, following
        )

    def item_fields(self, caller: Caller, params: Params) -> Result:
        entity = self._entity(caller, params)
        original = str(params.get("useOriginalUfNames", "N")).upper() == "Y"
        described = {}
        for name, kind in self._kinds(caller.portal, entity).items():
            upper = self._upper(caller.portal, entity, name)
            described[upper if original and upper.startswith("UF_") else name] = {
                "type": {"ids": "integer", "stage": "crm_status", "text": "string"}.get(kind, kind),
                "isRequired": False,
                "isReadOnly": name in READ_ONLY,
                "isImmutable": False,
                "isMultiple": kind == "ids",
                "isDynamic": upper.startswith("UF_"),
                "title": upper,
                "upperName": upper,
            }
        if entity in (LEAD, CONTACT):
            described["fm"] = {
                "type": "crm_multifield",
                "isRequired": False,
                "isReadOnly": False,
                "isImmutable": False,
                "isMultiple": True,
                "isDynamic": False,
                "title": "FM",
                "upperName": "FM",
            }
        return Result({"fields": described})

    def _entity(self, caller: Caller, params: Params) -> int:
        """NOT_FOUND for a type that the portal has not; a portal in simple mode has no leads."""
        told = required(params, "entityTypeId")
        if str(told) not in {str(entity) for entity in FIELDS}:
            raise RestError("NOT_FOUND", "Смарт-процесс не найден")
        self._leads_allowed(caller, int(told))
        return int(told)

    def _item(self, caller: Caller, entity: int, params: Params) -> dict[str, Any]:
        item = self._find(caller.portal, ENTITY_NAMES[entity], required(params, "id"))
        if item is None:
            raise RestError("NOT_FOUND", "Элемент не найден")
        return item

    def _shown(
        self, portal: str, entity: int, item: dict[str, Any], params: Params, *, with_fm: bool
    ) -> dict[str, Any]:
        original = str(params.get("useOriginalUfNames", "N")).upper() == "Y"
        kinds = self._kinds(portal, entity)
        shown = {}
        for name, kind in kinds.items():
            upper = self._upper(portal, entity, name)
            key = upper if original and upper.startswith("UF_") else name
            shown[key] = item.get(name, [] if kind == "ids" else None)
        if with_fm and entity in (LEAD, CONTACT):
            shown["fm"] = [dict(value) for value in item["fm"]]
        return shown

    def _selected(self, portal: str, entity: int, item: dict[str, Any], params: Params) -> dict[str, Any]:
        """One line of a list: `fm` only with `*` in the select, the id always."""
        select = [str(name) for name in values_of(params.get("select"))]
        shown = self._shown(portal, entity, item, params, with_fm="*" in select)
        if not select or "*" in select:
            return shown
        wanted = {"id", *("id" if name == "ID" else name for name in select)}
        return {
            name: value
            for name, value in shown.items()
            if name in wanted or ("uf*" in (part.lower() for part in wanted) and name.lower().startswith("uf"))
        }
