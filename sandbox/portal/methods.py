"""The REST methods by name."""

from __future__ import annotations

from collections.abc import Callable

from ..portal_fields import ENTITY_NAMES, WrongValue
from ..store import Store
from .attached import Attached
from .directories import Directories
from .items import Items
from .old_cards import OldCards
from .people import People
from .shapes import Caller, Params, RestError, Result
from .tasks import Tasks


class Portals(Items, OldCards, Attached, Tasks, Directories, People):
    """Every portal of the sandbox, by name, and what may be called on it."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
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
