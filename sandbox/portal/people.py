"""The portal's people and the notices that they get."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from ..portal_fields import stamp
from .asked import paged, pairs, values_of
from .holdings import Holdings
from .shapes import Caller, Params, RestError, Result


class People(Holdings):
    """Users and notices."""

    def user_get(self, caller: Caller, params: Params) -> Result:
        told = {key.upper(): value for key, value in params.items()}
        wanted = {key.upper(): value for key, value in pairs(told.get("FILTER")).items()} or told
        users = [
            user
            for user in self.portal(caller.portal)["users"]
            if all(user_matches(user, name, wanted[name]) for name in ("ID", "EMAIL", "ACTIVE") if name in wanted)
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


def user_matches(user: dict[str, Any], name: str, wanted: Any) -> bool:
    if name == "ACTIVE":
        return user["ACTIVE"] == (str(wanted).lower() in ("true", "1", "y"))
    return str(user[name]).lower() in [str(value).lower() for value in values_of(wanted)]
