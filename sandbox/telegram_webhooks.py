"""Telegram's updates on their way to the webhooks of bots: kept until they arrive, tried again, in order by chat."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
from starlette.responses import Response

from .store import Table
from .world import World

WEBHOOK_TIMEOUT = 30.0  # seconds
UPDATE_KINDS_BY_REQUEST = ("chat_member", "message_reaction", "message_reaction_count")


class Webhooks:
    """`call`: carries out a call of the Bot API, for webhooks that answer with one."""

    def __init__(self, world: World, bots: Table, call: Callable[[str, str, dict[str, Any]], Response]) -> None:
        self._world, self._bots, self._call = world, bots, call
        self.updates = world.store.table("telegram.updates", limit=20_000)
        self._locks: dict[str, asyncio.Lock] = {}
        self._slots: dict[str, asyncio.Semaphore] = {}
        self._deliveries: set[asyncio.Task[None]] = set()
        self._http = httpx.AsyncClient(timeout=WEBHOOK_TIMEOUT, trust_env=False, follow_redirects=False)

    async def start(self) -> None:
        """Go on delivering what was not delivered when the sandbox stopped."""
        for key, _ in self.updates.items():
            self._deliver_soon(key)

    async def stop(self) -> None:
        self._cancel()
        await asyncio.gather(*self._deliveries, return_exceptions=True)
        await self._http.aclose()

    def reset(self) -> None:
        self._cancel()
        self.updates.clear()

    def changed(self, bot: dict[str, Any]) -> None:
        """The bot's webhook takes another number of updates at a time."""
        self._slots.pop(str(bot["id"]), None)

    def _cancel(self) -> None:
        for task in list(self._deliveries):
            task.cancel()

    def push(self, bot: dict[str, Any], update: dict[str, Any]) -> tuple[dict[str, Any], asyncio.Task[None] | None]:
        """Queue one update; a kind that the bot did not ask for is not sent (the task is None)."""
        wanted = (bot["webhook"] or {}).get("allowed_updates") or []
        kind = next((name for name in update if name != "update_id"), "")
        if (wanted and kind not in wanted) or (not wanted and kind in UPDATE_KINDS_BY_REQUEST):
            return update, None
        key = f"{bot['id']}:{update['update_id']}"
        self.updates.put(key, {"bot": str(bot["id"]), "update": update})
        return update, self._deliver_soon(key)

    def waiting(self, bot: dict[str, Any]) -> list[str]:
        """Keys of the updates that did not arrive yet."""
        return [key for key, row in self.updates.items() if row["bot"] == str(bot["id"])]

    def again(self, bot: dict[str, Any], *, drop: bool) -> None:
        """The bot has a webhook: what waits goes there, or (`drop`) nowhere."""
        under_way = {task.get_name() for task in self._deliveries}
        for key in self.waiting(bot):
            if drop:
                self.updates.drop(key)
            elif key not in under_way:
                self._deliver_soon(key)

    def _deliver_soon(self, key: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._deliver(key), name=key)
        self._deliveries.add(task)
        task.add_done_callback(self._deliveries.discard)
        return task

    async def _deliver(self, key: str) -> None:
        """Post one update until the webhook says 2xx or the tries run out; one chat's updates go in their order."""
        row = self.updates.get(key)
        if row is None:
            return
        lock = self._locks.setdefault(f"{row['bot']}:{_chat_of(row['update'])}", asyncio.Lock())
        async with lock:
            for pause in [0, *self._world.settings["telegram_retry_pauses"]]:
                if pause:
                    await asyncio.sleep(pause)
                bot = self._bots.get(row["bot"])
                if bot is None or bot["webhook"] is None or self.updates.get(key) is None:
                    return
                if await self._post(bot, row["update"]):
                    break
            self.updates.drop(key)

    async def _post(self, bot: dict[str, Any], update: dict[str, Any]) -> bool:
        webhook = bot["webhook"]
        headers = {"Content-Type": "application/json"}
        if webhook["secret_token"]:
            headers["X-Telegram-Bot-Api-Secret-Token"] = webhook["secret_token"]
        slots = self._slots.setdefault(str(bot["id"]), asyncio.Semaphore(webhook["max_connections"]))
        try:
            async with slots:
                answer = await self._http.post(webhook["url"], content=json.dumps(update), headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            late = isinstance(error, httpx.TimeoutException)
            return self._failed(bot, "Connection timed out" if late else "Connection refused")
        if not answer.is_success:
            return self._failed(bot, f"Wrong response from the webhook: {answer.status_code} {answer.reason_phrase}")
        self._call_in_answer(bot, answer)
        return True

    def _failed(self, bot: dict[str, Any], why: str) -> bool:
        bot["error_at"], bot["error"] = int(time.time()), why
        self._bots.put(str(bot["id"]), bot)
        return False

    def _call_in_answer(self, bot: dict[str, Any], answer: httpx.Response) -> None:
        """A webhook may answer with one API call; its result is told to nobody."""
        try:
            params = answer.json()
        except ValueError:
            return
        if isinstance(params, dict) and isinstance(params.get("method"), str):
            method = params.pop("method")
            self._world.answer(
                "telegram", method, params, lambda: self._call(bot["token"], method, params), bot=str(bot["id"])
            )


def _chat_of(update: dict[str, Any]) -> int | str:
    for content in update.values():
        if isinstance(content, dict):
            holder = content.get("message") if "chat" not in content else content
            return ((holder or {}).get("chat") or {}).get("id", "")
    return ""
