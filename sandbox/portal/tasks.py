"""`tasks.task.*`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..portal_fields import stamp
from .asked import paged, pairs, required
from .holdings import Holdings
from .shapes import Caller, Params, RestError, Result


class Tasks(Holdings):
    """Tasks of the portal's people."""

    def task_add(self, caller: Caller, params: Params) -> Result:
        fields = required(params, "fields")
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
        task |= {"description": "", "ufCrmTask": []} | task_fields(fields) | {"changedDate": now}
        self._save(caller.portal, "task", number, task)
        self.changed(caller.portal, "ONTASKADD", number)
        return Result({"task": task})

    def task_update(self, caller: Caller, params: Params) -> Result:
        task = self._task(caller, params)
        fields = required(params, "fields")
        if "RESPONSIBLE_ID" in fields:
            self._check_responsible(caller, fields["RESPONSIBLE_ID"])
        task |= task_fields(fields) | {"changedDate": stamp(datetime.now(UTC))}
        self._save(caller.portal, "task", int(task["id"]), task)
        self.changed(caller.portal, "ONTASKUPDATE", int(task["id"]))
        return Result({"task": task})

    def task_get(self, caller: Caller, params: Params) -> Result:
        return Result({"task": self._task(caller, params)})

    def task_list(self, caller: Caller, params: Params) -> Result:
        """Tasks by equal fields; a name that is no field of a task narrows nothing."""
        params = {key.lower(): value for key, value in params.items()}
        wanted = task_fields({key.lstrip("="): value for key, value in pairs(params.get("filter")).items()})
        tasks = [
            task
            for task in self.all_of(caller.portal, "task")
            if all(task[name] == value for name, value in wanted.items() if name in task)
        ]
        page, total, following = paged(tasks, params.get("start"))
        return Result({"tasks": page}, total, following)

    def _task(self, caller: Caller, params: Params) -> dict[str, Any]:
        task = self._find(caller.portal, "task", required(params, "taskId"))
        if task is None:
            raise RestError("ERROR_CORE", "Задача не найдена или недоступна")
        return task

    def _check_responsible(self, caller: Caller, told: Any) -> None:
        if not any(user["ID"] == str(told) and user["ACTIVE"] for user in self.portal(caller.portal)["users"]):
            raise RestError("ERROR_CORE", "Не указан исполнитель задачи")


def task_fields(fields: Params) -> dict[str, Any]:
    """UPPER_CASE task fields as the answers spell them, values as text."""
    told = {}
    for key, value in fields.items():
        words = key.lower().split("_")
        name = words[0] + "".join(word.capitalize() for word in words[1:])
        told[name] = value if isinstance(value, (list, dict)) or value is None else str(value)
    return told
