"""The portals and everything that they hold, as rows of the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..portal_fields import DIRECTORY
from ..store import Store

USERS = ("Администратор Портала", "Анна Осипова", "Борис Лаптев", "Вера Климова", "Глеб Сомов", "Дина Яхина")


class Holdings:
    """Every portal of the sandbox, by name. `changed` hears the event and the object's id after a change."""

    def __init__(self, store: Store) -> None:
        self.portals = store.table("bitrix24.portals", limit=200)
        self.rows = store.table("bitrix24.rows", limit=50_000)
        self._store = store
        self.changed: Callable[[str, str, int], None] = lambda portal, event, number: None

    def portal(self, name: str) -> dict[str, Any]:
        """The portal's settings; a new name is a new portal with users, directories and nothing else."""
        known = self.portals.get(name)
        if known:
            return known
        users = [new_user(number, full, name) for number, full in enumerate(USERS, 1)]
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


def new_user(number: int, full: str, portal: str) -> dict[str, Any]:
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
