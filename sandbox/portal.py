"""What one Bitrix24 portal holds and its REST methods, without HTTP: parameters in, `Result` out or RestError."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from .portal_fields import (
    CONTACT,
    DEAL,
    DIRECTORY,
    ENTITY_NAMES,
    FIELDS,
    LEAD,
    LOST,
    MULTI_FIELDS,
    READ_ONLY,
    USER_TYPES,
    WON,
    WrongValue,
    comparable,
    moment_of,
    old_name,
    phone_key,
    stamp,
    taken,
    user_field_name,
)
from .store import Store

PAGE = 50
Params = dict[str, Any]
FILTER_KEY = re.compile(r"(>=|<=|!@|!%|=%|!=|>|<|@|%|=|!)?(.+)")
ENTITY_IDS = {name: number for number, name in ENTITY_NAMES.items()}
USERS = ("Администратор Портала", "Анна Осипова", "Борис Лаптев", "Вера Климова", "Глеб Сомов", "Дина Яхина")


class RestError(Exception):
    """An error of the REST interface: code, words, HTTP status."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.status = status


@dataclass
class Result:
    """A method's result; `total` and `next` only from lists."""

    value: Any
    total: int | None = None
    next: int | None = None


@dataclass(frozen=True)
class Caller:
    """With whose rights a call runs."""

    portal: str
    user_id: int
    by_webhook: bool


class Portals:
    """Every portal of the sandbox, by name. `changed` hears the event and the object's id after a change."""

    def __init__(self, store: Store) -> None:
        self.portals = store.table("bitrix24.portals", limit=200)
        self.rows = store.table("bitrix24.rows", limit=50_000)
        self._store = store
        self.changed: Callable[[str, str, int], None] = lambda portal, event, number: None
        self.methods: dict[str, Callable[[Caller, Params], Result]] = {
            "crm.item.add": self.item_add,
            "crm.item.update": self.item_update,
            "crm.item.get": self.item_get,
            "crm.item.list": self.item_list,
            "crm.item.delete": self.item_delete,
            "crm.item.fields": self.item_fields,
            "crm.duplicate.findbycomm": self.find_duplicates,
            "crm.timeline.comment.add": self.comment_add,
            "crm.activity.todo.add": self.todo_add,
            "crm.status.list": self.status_list,
            "crm.category.list": self.category_list,
            "crm.category.add": self.category_add,
            "crm.settings.mode.get": lambda caller, params: Result(self.portal(caller.portal)["mode"]),
            "tasks.task.add": self.task_add,
            "tasks.task.update": self.task_update,
            "tasks.task.get": self.task_get,
            "tasks.task.list": self.task_list,
            "user.get": self.user_get,
            "user.current": self.user_current,
            "profile": self.user_current,
            "im.notify": self.notify,
            "im.notify.system.add": self.notify,
            "im.notify.personal.add": self.notify,
        }
        for entity, name in ENTITY_NAMES.items():
            self._old_methods(entity, name)

    def _old_methods(self, entity: int, name: str) -> None:
        for verb, method in {
            "add": self.old_add,
            "update": self.old_update,
            "get": self.old_get,
            "list": self.old_list,
            "delete": self.old_delete,
            "userfield.add": self.user_field_add,
            "userfield.list": self.user_field_list,
        }.items():
            self.methods[f"crm.{name}.{verb}"] = lambda caller, params, m=method: m(caller, entity, params)

    def call(self, method: str, caller: Caller, params: Params) -> Result:
        """One method by its lower-case name. Raises RestError."""
        act = self.methods.get(method)
        if act is None:
            raise RestError("ERROR_METHOD_NOT_FOUND", "Method not found!", 404)
        try:
            return act(caller, params)
        except WrongValue as error:
            raise RestError("CRM_FIELD_ERROR_VALUE_NOT_VALID", f"Поле {error} заполнено некорректно") from None

    # Portals and rows

    def portal(self, name: str) -> dict[str, Any]:
        """The portal's settings; a new name is a new portal with users, directories and nothing else."""
        known = self.portals.get(name)
        if known:
            return known
        users = [_new_user(number, full, name) for number, full in enumerate(USERS, 1)]
        member = f"{sum(map(ord, name)):032x}"
        return self.portals.put(
            name,
            {
                "name": name,
                "member_id": member,
                "mode": 1,  # 1 with leads, 2 without
                "plan": "commercial",
                "moved_to": "",
                "deleted": False,
                "overloaded": False,
                "users": users,
                "directory": {entity: dict(values) for entity, values in DIRECTORY.items()},
                "categories": [{"id": 0, "name": "Общая", "sort": 300}],
                "user_fields": {},
            },
        )

    def change_portal(self, name: str, changes: dict[str, Any]) -> dict[str, Any]:
        """Change a portal's settings. Raises ValueError for a name it has not."""
        portal = self.portal(name)
        if unknown := set(changes) - set(portal):
            raise ValueError(f"a portal has no {', '.join(sorted(unknown))}")
        return self.portals.put(name, portal | changes)

    def _next_id(self, portal: str, kind: str) -> int:
        return self._store.counter(f"bitrix24.{portal}.{kind}").next()

    def _save(self, portal: str, kind: str, number: int, fields: dict[str, Any]) -> dict[str, Any]:
        row = {"portal": portal, "kind": kind, "id": number, "at": time.time(), "fields": fields}
        self.rows.put(f"{portal}:{kind}:{number}", row)
        return fields

    def _find(self, portal: str, kind: str, number: Any) -> dict[str, Any] | None:
        row = self.rows.get(f"{portal}:{kind}:{number}")
        return row["fields"] if row else None

    def all_of(self, portal: str, kind: str) -> list[dict[str, Any]]:
        return [row["fields"] for row in self.rows if row["portal"] == portal and row["kind"] == kind]

    # crm.item.*

    def item_add(self, caller: Caller, params: Params) -> Result:
        entity = self._entity(caller, params)
        fields = _required(params, "fields")
        item = self._create(caller, entity, self._told(caller.portal, entity, fields), _fm_of(fields.get("fm")))
        return Result({"item": self._shown(caller.portal, entity, item, params, with_fm=True)})

    def item_update(self, caller: Caller, params: Params) -> Result:
        entity = self._entity(caller, params)
        item = self._item(caller, entity, params)
        fields = _required(params, "fields")
        told = self._told(caller.portal, entity, fields)
        self._change(caller, entity, item, told, _fm_of(fields.get("fm")))
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
        conditions = _pairs(params.get("filter"))
        matches({}, conditions, kinds)  # a wrong name is an error in an empty portal too
        items = [item for item in items if matches(item, conditions, kinds)]
        for name, direction in reversed(list(_pairs(params.get("order")).items() or [("id", "ASC")])):
            field = _known(name, kinds, "order")
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
        told = _required(params, "entityTypeId")
        if str(told) not in {str(entity) for entity in FIELDS}:
            raise RestError("NOT_FOUND", "Смарт-процесс не найден")
        self._leads_allowed(caller, int(told))
        return int(told)

    def _leads_allowed(self, caller: Caller, entity: int) -> None:
        if entity == LEAD and self.portal(caller.portal)["mode"] == 2:
            raise RestError("ACCESS_DENIED", "Доступ запрещен", 403)

    def _item(self, caller: Caller, entity: int, params: Params) -> dict[str, Any]:
        item = self._find(caller.portal, ENTITY_NAMES[entity], _required(params, "id"))
        if item is None:
            raise RestError("NOT_FOUND", "Элемент не найден")
        return item

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
        select = [str(name) for name in _values(params.get("select"))]
        shown = self._shown(portal, entity, item, params, with_fm="*" in select)
        if not select or "*" in select:
            return shown
        wanted = {"id", *("id" if name == "ID" else name for name in select)}
        return {
            name: value
            for name, value in shown.items()
            if name in wanted or ("uf*" in (part.lower() for part in wanted) and name.lower().startswith("uf"))
        }

    # crm.lead.*, crm.deal.*, crm.contact.*: the old spelling, errors without a code

    def old_add(self, caller: Caller, entity: int, params: Params) -> Result:
        self._leads_allowed(caller, entity)
        told, fm = self._old_told(caller.portal, entity, _old_fields(params))
        return Result(self._create(caller, entity, told, fm)["id"])

    def old_update(self, caller: Caller, entity: int, params: Params) -> Result:
        item = self._old_item(caller, entity, params)
        told, fm = self._old_told(caller.portal, entity, _old_fields(params))
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
        for key, value in _pairs(params.get("filter")).items():
            match = FILTER_KEY.fullmatch(key)
            name = match[2].upper() if match else ""
            if name in camel and match:
                conditions[(match[1] or "=") + camel[name]] = value
            elif name in MULTI_FIELDS:
                multi[name] = {str(one) for one in (value if isinstance(value, list) else [value])}
        items = [
            item
            for item in self.all_of(caller.portal, ENTITY_NAMES[entity])
            if matches(item, conditions, kinds) and _has_values(item, multi)
        ]
        for key, direction in reversed(list(_pairs(params.get("order")).items() or [("ID", "ASC")])):
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
            for value in _values(fields.get(kind))
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
        wanted = {str(name).upper() for name in _values(select)} or {"*"}
        chosen = {"ID"} | (wanted & (names | set(MULTI_FIELDS)))
        if "*" in wanted:
            chosen |= plain
        return chosen | ((names - plain) if "UF_*" in wanted else set())

    def _old_shown(self, portal: str, entity: int, item: dict[str, Any], names: Iterable[str]) -> dict[str, Any]:
        """Every value as text, null for none."""
        camel, shown = self._old_names(portal, entity), {}
        for upper in sorted(names):
            if upper in MULTI_FIELDS:
                values = [_old_fm(value) for value in item["fm"] if value["typeId"] == upper]
                if values:
                    shown[upper] = values
                continue
            value = item.get(camel[upper])
            shown[upper] = value if value is None or isinstance(value, list) else str(value)
        return shown

    def user_field_add(self, caller: Caller, entity: int, params: Params) -> Result:
        fields = _old_fields(params)
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

    # What hangs on cards

    def find_duplicates(self, caller: Caller, params: Params) -> Result:
        """Ids by type; once a type gives 20, the later ones are left out."""
        params = {key.lower(): value for key, value in params.items()}
        kind = str(params.get("type", "")).upper()
        values = _values(params.get("values"))[:20]
        if kind not in ("PHONE", "EMAIL"):
            raise RestError("", "Communication type is not supported in current context.")
        if not values:
            raise RestError("", "Communication values are not specified.")
        wanted = {_communication(kind, str(value)) for value in values}
        only = str(params.get("entity_type") or "").upper()
        found: dict[str, list[int]] = {}
        for entity in (LEAD, CONTACT):
            name = ENTITY_NAMES[entity]
            if only not in ("", name.upper()):
                continue
            ids = [
                item["id"]
                for item in self.all_of(caller.portal, name)
                if any(fm["typeId"] == kind and _communication(kind, fm["value"]) in wanted for fm in item["fm"])
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
        owner_type = _required(params, "ownerTypeId")
        owner_id = _required(params, "ownerId")
        deadline = str(_required(params, "deadline"))
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

    def task_add(self, caller: Caller, params: Params) -> Result:
        fields = _required(params, "fields")
        if not str(fields.get("TITLE") or "").strip():
            raise RestError("ERROR_CORE", "Не указано название задачи")
        self._check_responsible(caller, fields.get("RESPONSIBLE_ID"))
        number = self._next_id(caller.portal, "task")
        now = stamp(datetime.now(UTC))
        task = {
            "id": str(number),
            "status": "2",
            "createdBy": str(caller.user_id),
            "createdDate": now,
            "deadline": None,
        }
        task |= {"description": "", "ufCrmTask": []} | _task_fields(fields) | {"changedDate": now}
        self._save(caller.portal, "task", number, task)
        self.changed(caller.portal, "ONTASKADD", number)
        return Result({"task": task})

    def task_update(self, caller: Caller, params: Params) -> Result:
        task = self._task(caller, params)
        fields = _required(params, "fields")
        if "RESPONSIBLE_ID" in fields:
            self._check_responsible(caller, fields["RESPONSIBLE_ID"])
        task |= _task_fields(fields) | {"changedDate": stamp(datetime.now(UTC))}
        self._save(caller.portal, "task", int(task["id"]), task)
        self.changed(caller.portal, "ONTASKUPDATE", int(task["id"]))
        return Result({"task": task})

    def task_get(self, caller: Caller, params: Params) -> Result:
        return Result({"task": self._task(caller, params)})

    def task_list(self, caller: Caller, params: Params) -> Result:
        """Tasks by equal fields; a name that is no field of a task narrows nothing."""
        params = {key.lower(): value for key, value in params.items()}
        wanted = _task_fields({key.lstrip("="): value for key, value in _pairs(params.get("filter")).items()})
        tasks = [
            task
            for task in self.all_of(caller.portal, "task")
            if all(task[name] == value for name, value in wanted.items() if name in task)
        ]
        page, total, following = paged(tasks, params.get("start"))
        return Result({"tasks": page}, total, following)

    def _task(self, caller: Caller, params: Params) -> dict[str, Any]:
        task = self._find(caller.portal, "task", _required(params, "taskId"))
        if task is None:
            raise RestError("ERROR_CORE", "Задача не найдена или недоступна")
        return task

    def _check_responsible(self, caller: Caller, told: Any) -> None:
        if not any(user["ID"] == str(told) and user["ACTIVE"] for user in self.portal(caller.portal)["users"]):
            raise RestError("ERROR_CORE", "Не указан исполнитель задачи")

    # Directories, people

    def status_list(self, caller: Caller, params: Params) -> Result:
        wanted = _pairs(params.get("filter") or params.get("FILTER")).get("ENTITY_ID")
        rows = [
            {
                "ID": str(1000 + sum(map(ord, entity)) + index),
                "ENTITY_ID": entity,
                "STATUS_ID": status,
                "NAME": name,
                "NAME_INIT": "",
                "SORT": str(10 * (index + 1)),
                "SYSTEM": "N",
                "CATEGORY_ID": entity.rpartition("_")[2] if entity[-1].isdigit() else None,
                "SEMANTICS": _semantics(status),
            }
            for entity, values in self.portal(caller.portal)["directory"].items()
            if wanted in (None, "", entity)
            for index, (status, name) in enumerate(values.items())
        ]
        return Result(rows, len(rows))

    def category_list(self, caller: Caller, params: Params) -> Result:
        if str(_required(params, "entityTypeId")) != str(DEAL):
            raise RestError("NOT_FOUND", "Смарт-процесс не найден")
        rows = [
            {**category, "entityTypeId": DEAL, "isDefault": "N" if category["id"] else "Y"}
            for category in self.portal(caller.portal)["categories"]
        ]
        return Result({"categories": rows}, len(rows))

    def category_add(self, caller: Caller, params: Params) -> Result:
        """A second pipeline: its stages are named `C<id>:...`."""
        portal = self.portal(caller.portal)
        name = str(_required(params, "fields").get("name", ""))
        category = {"id": len(portal["categories"]), "name": name, "sort": 400}
        portal["categories"].append(category)
        stages = {f"C{category['id']}:{stage}": label for stage, label in portal["directory"]["DEAL_STAGE"].items()}
        portal["directory"][f"DEAL_STAGE_{category['id']}"] = stages
        self.portals.put(caller.portal, portal)
        return Result({"category": {**category, "entityTypeId": DEAL, "isDefault": "N"}})

    def user_get(self, caller: Caller, params: Params) -> Result:
        told = {key.upper(): value for key, value in params.items()}
        wanted = {key.upper(): value for key, value in _pairs(told.get("FILTER")).items()} or told
        users = [
            user
            for user in self.portal(caller.portal)["users"]
            if all(_user_matches(user, name, wanted[name]) for name in ("ID", "EMAIL", "ACTIVE") if name in wanted)
        ]
        page, total, following = paged(users, told.get("START"))
        return Result(page, total, following)

    def user_current(self, caller: Caller, params: Params) -> Result:
        users = self.portal(caller.portal)["users"]
        return Result(next((user for user in users if user["ID"] == str(caller.user_id)), users[0]))

    def notify(self, caller: Caller, params: Params) -> Result:
        """A notice in the portal; the same TAG replaces the earlier one."""
        told = {key.upper(): value for key, value in params.items()}
        if not str(told.get("USER_ID") or told.get("TO") or "").isdigit():
            raise RestError("USER_ID_EMPTY", "User ID can't be empty")
        if not str(told.get("MESSAGE") or "").strip():
            raise RestError("MESSAGE_EMPTY", "Message can't be empty")
        if caller.by_webhook and told.get("TAG") and not told.get("CLIENT_ID"):
            raise RestError("WRONG_AUTH_TYPE", "Client ID not specified", 403)
        user_id = int(told.get("USER_ID") or told["TO"])
        row = {
            "ID": self._next_id(caller.portal, "notice"),
            "USER_ID": user_id,
            "MESSAGE": str(told["MESSAGE"]),
            "TAG": str(told.get("TAG") or ""),
            "CREATED": stamp(datetime.now(UTC)),
        }
        for earlier in self.all_of(caller.portal, "notice"):
            if row["TAG"] and (earlier["TAG"], earlier["USER_ID"]) == (row["TAG"], user_id):
                self.rows.drop(f"{caller.portal}:notice:{earlier['ID']}")
        self._save(caller.portal, "notice", row["ID"], row)
        return Result(row["ID"])


def matches(item: dict[str, Any], conditions: dict[str, Any], kinds: dict[str, str]) -> bool:
    """Whether an item meets a filter. A nested map is a group; its `logic` is AND or OR. Raises RestError."""
    logic = str(conditions.get("logic", "AND")).upper()
    met = [
        matches(item, _pairs(value), kinds) if isinstance(value, dict) else _met(item, key, value, kinds)
        for key, value in conditions.items()
        if key != "logic"
    ]
    return any(met) if logic == "OR" else all(met)


def _met(item: dict[str, Any], key: str, wanted: Any, kinds: dict[str, str]) -> bool:
    match = FILTER_KEY.fullmatch(key)
    if match is None:
        raise RestError("INVALID_ARG_VALUE", f"Invalid filter: field '{key}' is not allowed in filter")
    sign = match[1] or "="
    name = _known(match[2], kinds, "filter")
    kind = kinds[name]
    have, wants = item.get(name), [comparable(kind, value) for value in ([None] if wanted is None else _values(wanted))]
    haves = [comparable("integer", value) for value in have] if isinstance(have, list) else [comparable(kind, have)]
    if kind == "ids":
        wants = [comparable("integer", value) for value in _values(wanted)]
    if sign in ("@", "="):
        return any(value in wants for value in haves) or (not haves and wants in ([""], [0.0]))
    if sign in ("!@", "!", "!="):
        return not any(value in wants for value in haves)
    if sign in ("%", "=%"):
        return any(str(want).strip("%") in str(value) for value in haves for want in wants)
    if sign == "!%":
        return not any(str(want).strip("%") in str(value) for value in haves for want in wants)
    want, value = wants[0] if wants else 0, haves[0] if haves else 0
    return {">": value > want, ">=": value >= want, "<": value < want, "<=": value <= want}[sign]


def _known(name: str, kinds: dict[str, str], where: str) -> str:
    """The field's name; `ID` and original UF_ names are understood too."""
    field = "id" if name == "ID" else user_field_name(name) if name.startswith("UF_CRM") else name
    if field not in kinds:
        raise RestError("INVALID_ARG_VALUE", f"Invalid {where}: field '{name}' is not allowed in {where}")
    return field


def paged(rows: list[Any], start: Any) -> tuple[list[Any], int | None, int | None]:
    """One page with the total and the next offset; start=-1 counts nothing."""
    offset = int(start or 0) if str(start or 0).lstrip("-").isdigit() else 0
    if offset < 0:
        return rows[:PAGE], None, None
    following = offset + PAGE
    return rows[offset:following], len(rows), following if following < len(rows) else None


def _required(params: Params, name: str) -> Any:
    value = params.get(name)
    if value is None or value == "" or (name == "fields" and not isinstance(value, (dict, list))):
        raise RestError("100", f"Could not find value for parameter {{{name}}}")
    return {} if name == "fields" and isinstance(value, list) else value


def _old_fields(params: Params) -> Params:
    fields = next((value for key, value in params.items() if key.lower() == "fields"), None)
    if not isinstance(fields, (dict, list)):
        raise RestError("", "Parameter 'fields' must be array.")
    return {str(key).upper(): value for key, value in fields.items()} if isinstance(fields, dict) else {}


def _pairs(told: Any) -> dict[str, Any]:
    """A map that may have come as a PHP list."""
    if isinstance(told, list):
        return {str(index): value for index, value in enumerate(told)}
    return told if isinstance(told, dict) else {}


def _values(told: Any) -> list[Any]:
    if told in (None, ""):
        return [] if told is None else [""]
    if isinstance(told, dict):
        return list(told.values())
    return told if isinstance(told, list) else [told]


def _fm_of(told: Any) -> list[Params] | None:
    if told is None:
        return None
    return [
        {
            "id": value.get("id", ""),
            "typeId": str(value.get("typeId", "")).upper(),
            "valueType": value.get("valueType") or "WORK",
            "value": str(value.get("value", "")),
        }
        for value in _values(told)
        if isinstance(value, dict) and str(value.get("typeId", "")).upper() in MULTI_FIELDS
    ]


def _old_fm(value: Params) -> Params:
    return {
        "ID": str(value["id"]),
        "VALUE_TYPE": value["valueType"],
        "VALUE": value["value"],
        "TYPE_ID": value["typeId"],
    }


def _has_values(item: dict[str, Any], multi: dict[str, set[str]]) -> bool:
    return all(
        any(fm["typeId"] == kind and fm["value"] in values for fm in item["fm"]) for kind, values in multi.items()
    )


def _communication(kind: str, value: str) -> str:
    return phone_key(value) if kind == "PHONE" else value.strip().lower()


def _task_fields(fields: Params) -> dict[str, Any]:
    """UPPER_CASE task fields as the answers spell them, values as text."""
    told = {}
    for key, value in fields.items():
        words = key.lower().split("_")
        name = words[0] + "".join(word.capitalize() for word in words[1:])
        told[name] = value if isinstance(value, (list, dict)) or value is None else str(value)
    return told


def _semantics(status: str) -> str | None:
    stage = status.rpartition(":")[2]
    return "S" if stage in WON else "F" if stage in LOST else None


def _user_matches(user: dict[str, Any], name: str, wanted: Any) -> bool:
    if name == "ACTIVE":
        return user["ACTIVE"] == (str(wanted).lower() in ("true", "1", "y"))
    return str(user[name]).lower() in [str(value).lower() for value in _values(wanted)]


def _new_user(number: int, full: str, portal: str) -> dict[str, Any]:
    first, last = full.split()
    return {
        "ID": str(number),
        "ACTIVE": True,
        "NAME": first,
        "LAST_NAME": last,
        "EMAIL": f"user{number}@{portal}.example",
        "USER_TYPE": "employee",
        "WORK_POSITION": "",
    }
