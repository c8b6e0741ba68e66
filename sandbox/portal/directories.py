"""Statuses and pipelines."""

from __future__ import annotations

from ..portal_fields import DEAL, LOST, WON
from .asked import pairs, required
from .holdings import Holdings
from .shapes import Caller, Params, RestError, Result


class Directories(Holdings):
    """What the stages of cards are called."""

    def status_list(self, caller: Caller, params: Params) -> Result:
        wanted = pairs(params.get("filter") or params.get("FILTER")).get("ENTITY_ID")
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
                "SEMANTICS": semantics(status),
            }
            for entity, values in self.portal(caller.portal)["directory"].items()
            if wanted in (None, "", entity)
            for index, (status, name) in enumerate(values.items())
        ]
        return Result(rows, len(rows))

    def category_list(self, caller: Caller, params: Params) -> Result:
        if str(required(params, "entityTypeId")) != str(DEAL):
            raise RestError("NOT_FOUND", "Смарт-процесс не найден")
        rows = [
            {**category, "entityTypeId": DEAL, "isDefault": "N" if category["id"] else "Y"}
            for category in self.portal(caller.portal)["categories"]
        ]
        return Result({"categories": rows}, len(rows))

    def category_add(self, caller: Caller, params: Params) -> Result:
        """A second pipeline: its stages are named `C<id>:...`."""
        portal = self.portal(caller.portal)
        name = str(required(params, "fields").get("name", ""))
        category = {"id": len(portal["categories"]), "name": name, "sort": 400}
        portal["categories"].append(category)
        stages = {f"C{category['id']}:{stage}": label for stage, label in portal["directory"]["DEAL_STAGE"].items()}
        portal["directory"][f"DEAL_STAGE_{category['id']}"] = stages
        self.portals.put(caller.portal, portal)
        return Result({"category": {**category, "entityTypeId": DEAL, "isDefault": "N"}})


def semantics(status: str) -> str | None:
    stage = status.rpartition(":")[2]
    return "S" if stage in WON else "F" if stage in LOST else None
