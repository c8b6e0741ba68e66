"""Commands of a batch and how their answers are read: one small class for CRM items, one for tasks."""

from __future__ import annotations

from typing import Any, Protocol

from crm.connection import Command
from crm.mapping import CONTACT, DEAL, LEAD, ORIGINATOR

NAMES = {LEAD: "lead", DEAL: "deal", CONTACT: "contact"}


class Table(Protocol):
    """A kind of objects of the portal."""

    entity_type: int

    def add(self, fields: dict[str, Any]) -> Command: ...

    def update(self, remote_id: str, fields: dict[str, Any]) -> Command: ...

    def find(self, fields: dict[str, Any]) -> Command:
        """Ask for the object that an earlier, unanswered `add` of these fields may have made."""

    def added(self, result: Any) -> str:
        """The new object's number."""

    def found(self, result: Any) -> str:
        """The found object's number; "" none."""


class Items:
    """`crm.item.*` of one type."""

    def __init__(self, entity_type: int) -> None:
        self.entity_type = entity_type

    def add(self, fields: dict[str, Any]) -> Command:
        return "crm.item.add", {"entityTypeId": self.entity_type, "fields": fields}

    def update(self, remote_id: str, fields: dict[str, Any]) -> Command:
        return "crm.item.update", {"entityTypeId": self.entity_type, "id": remote_id, "fields": fields}

    def find(self, fields: dict[str, Any]) -> Command:
        wanted = {"=originatorId": ORIGINATOR, "=originId": fields["originId"]}
        asked = {"entityTypeId": self.entity_type, "filter": wanted, "select": ["id"], "order": {"id": "ASC"}}
        return "crm.item.list", asked

    def added(self, result: Any) -> str:
        return str(result["item"]["id"])

    def found(self, result: Any) -> str:
        rows = result.get("items") if isinstance(result, dict) else None
        return str(rows[0]["id"]) if rows else ""


class Tasks:
    """`tasks.task.*`; a task has no key of ours, so its title, which holds our number, tells it apart."""

    entity_type = 0

    def add(self, fields: dict[str, Any]) -> Command:
        return "tasks.task.add", {"fields": fields}

    def update(self, remote_id: str, fields: dict[str, Any]) -> Command:
        return "tasks.task.update", {"taskId": remote_id, "fields": fields}

    def find(self, fields: dict[str, Any]) -> Command:
        return "tasks.task.list", {"filter": {"TITLE": fields["TITLE"]}, "select": ["ID", "TITLE"]}

    def added(self, result: Any) -> str:
        return str(result["task"]["id"])

    def found(self, result: Any) -> str:
        rows = result.get("tasks") if isinstance(result, dict) else None
        return str(rows[0]["id"]) if rows else ""


def comment(entity_type: int, remote_id: str, text: str) -> Command:
    """A line in a card's timeline."""
    fields = {"ENTITY_ID": remote_id, "ENTITY_TYPE": NAMES[entity_type], "COMMENT": text}
    return "crm.timeline.comment.add", {"fields": fields}


def find_contact(phone: str) -> Command:
    return "crm.duplicate.findbycomm", {"type": "PHONE", "values": [phone], "entity_type": "CONTACT"}


def found_contact(result: Any) -> str:
    """The oldest contact with that phone; "" none (an empty map comes as a list)."""
    ids = result.get("CONTACT") if isinstance(result, dict) else None
    return str(min(int(one) for one in ids)) if ids else ""
