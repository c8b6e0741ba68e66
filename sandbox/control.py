"""The hidden hand: JSON calls under `/_control/` by which tests, the demo and the pages steer the stand-ins."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .bitrix24 import TOKEN_SECONDS, Bitrix24
from .llm import MODES, Llm
from .params import BadBody, request_params
from .portal import Caller, RestError
from .push import Push
from .sms import Smsc
from .telegram import Telegram
from .world import DEFAULT_SETTINGS, World

Handler = Callable[[Request], Awaitable[Response]]


class Control:
    def __init__(self, world: World, telegram: Telegram, sms: Smsc, bitrix24: Bitrix24, llm: Llm, push: Push) -> None:
        self.world = world
        self.telegram = telegram
        self.sms = sms
        self.bitrix24 = bitrix24
        self.llm = llm
        self.push = push

    def routes(self) -> list[Route]:
        paths: dict[str, tuple[Handler, tuple[str, ...]]] = {
            "health": (self.health, ("GET",)),
            "settings": (self.settings, ("GET", "POST")),
            "faults": (self.faults, ("GET", "POST", "DELETE")),
            "log": (self.log, ("GET",)),
            "reset": (self.reset, ("POST",)),
            "telegram/bots": (self.telegram_bots, ("GET", "POST")),
            "telegram/say": (self.telegram_say, ("POST",)),
            "telegram/block": (self.telegram_block, ("POST",)),
            "telegram/unblock": (self.telegram_unblock, ("POST",)),
            "telegram/chats": (self.telegram_chats, ("GET",)),
            "telegram/know": (self.telegram_know, ("POST",)),
            "sms": (self.sms_list, ("GET",)),
            "sms/account": (self.sms_account, ("GET", "POST")),
            "sms/phones": (self.sms_phones, ("POST",)),
            "bitrix24/entities": (self.entities, ("GET",)),
            "bitrix24/bucket": (self.bucket, ("GET", "POST")),
            "bitrix24/portal": (self.portal, ("GET", "POST")),
            "bitrix24/webhooks": (self.webhooks, ("POST",)),
            "bitrix24/tokens": (self.tokens, ("POST",)),
            "bitrix24/hooks": (self.hooks, ("POST",)),
            "bitrix24/act": (self.act, ("POST",)),
            "llm": (self.llm_mode, ("GET", "POST")),
            "push": (self.push_messages, ("GET", "POST")),
        }
        return [
            Route(f"/_control/{path}", _guarded(handler), methods=list(methods))
            for path, (handler, methods) in paths.items()
        ]

    async def health(self, request: Request) -> Response:
        return JSONResponse(
            {
                "ok": True,
                "pid": os.getpid(),
                "port": self.world.ports.get("plain"),
                "tls_port": self.world.ports.get("tls"),
                "tls_domain": f"localhost:{self.world.ports.get('tls')}",
                "ca_file": str(self.world.folder / "ca.pem"),
            }
        )

    async def settings(self, request: Request) -> Response:
        if request.method == "POST":
            self.world.configure(await request_params(request))
            self.telegram.forget_limits()
        return JSONResponse(self.world.settings)

    async def faults(self, request: Request) -> Response:
        if request.method == "POST":
            return JSONResponse({"id": self.world.faults.add(await request_params(request)).id}, 201)
        if request.method == "DELETE":
            self.world.faults.clear(request.query_params.get("service"))
        return JSONResponse({"faults": self.world.faults.listed()})

    async def log(self, request: Request) -> Response:
        since = int(request.query_params.get("since", 0))
        calls = self.world.calls.since(since, request.query_params.get("service"))
        return JSONResponse({"calls": calls, "last": self.world.calls.last})

    async def reset(self, request: Request) -> Response:
        """Everything back to the first start, or with `{"service": ...}` one service; settings and faults go too."""
        service = (await request_params(request)).get("service")
        resets = {
            "telegram": self.telegram.reset,
            "sms": self.sms.reset,
            "bitrix24": self.bitrix24.reset,
            "llm": self.llm.reset,
            "push": self.push.reset,
        }
        if service and service not in resets:
            raise ValueError(f"service must be one of {', '.join(resets)}")
        for name, reset in resets.items():
            if service in (None, name):
                reset()
                self.world.faults.clear(name)
                self.world.calls.clear(name)
        mine = [name for name in DEFAULT_SETTINGS if not service or name.startswith(service)]
        self.world.configure(dict.fromkeys(mine))
        return JSONResponse({"ok": True})

    # Telegram

    async def telegram_bots(self, request: Request) -> Response:
        if request.method == "POST":
            told = await request_params(request)
            bot = self.telegram.register(
                told["token"],
                name=told.get("name", ""),
                username=told.get("username", ""),
                revoked=bool(told.get("revoked")),
            )
            return JSONResponse(_bot(bot))
        return JSONResponse({"bots": [_bot(bot) for bot in self.telegram.bots]})

    async def telegram_say(self, request: Request) -> Response:
        """See `Telegram.say`; with `"wait": true` the answer comes when the webhook took it or the tries ran out."""
        order = await request_params(request)
        update, task = self.telegram.say(order)
        if order.get("wait") and task is not None:
            await task
        bot = self.telegram.find_bot(order)
        content = next((value for value in update.values() if isinstance(value, dict)), {})
        message = content.get("message", content) if isinstance(content, dict) else {}
        return JSONResponse(
            {
                "update_id": update["update_id"],
                "message_id": message.get("message_id"),
                "chat_id": (message.get("chat") or {}).get("id"),
                "pending": self.telegram.webhooks.updates.get(f"{bot['id']}:{update['update_id']}") is not None,
                "error": bot["error"],
            }
        )

    async def telegram_block(self, request: Request) -> Response:
        return JSONResponse(self.telegram.block(await request_params(request), blocked=True))

    async def telegram_unblock(self, request: Request) -> Response:
        return JSONResponse(self.telegram.block(await request_params(request), blocked=False))

    async def telegram_know(self, request: Request) -> Response:
        """See `Telegram.know`: `bot` or `token`, and `clients` as in `say`."""
        return JSONResponse({"known": self.telegram.know(await request_params(request))})

    async def telegram_chats(self, request: Request) -> Response:
        """Chats of `bot`, and messages of `bot` and `chat_id`; `since` is unix seconds and narrows the messages."""
        asked = request.query_params
        bot, chat_id, since = asked.get("bot"), asked.get("chat_id"), float(asked.get("since", 0))
        if token := asked.get("token"):
            bot = token.partition(":")[0]
        messages = [
            row
            for row in self.telegram.messages
            if row["at"] > since and bot in (None, str(row["bot"])) and chat_id in (None, str(row["chat_id"]))
        ]
        chats = [chat for chat in self.telegram.chats if bot in (None, str(chat["bot"]))]
        return JSONResponse({"chats": chats, "messages": messages, "now": time.time()})

    # SMS

    async def sms_list(self, request: Request) -> Response:
        since = float(request.query_params.get("since", 0))
        phone = request.query_params.get("phone")
        rows = [row for row in self.sms.seen(since) if phone in (None, row["phone"])]
        return JSONResponse({"messages": rows, "now": time.time()})

    async def sms_account(self, request: Request) -> Response:
        if request.method == "POST":
            return JSONResponse(self.sms.account(await request_params(request)))
        return JSONResponse({"accounts": list(self.sms.accounts)})

    async def sms_phones(self, request: Request) -> Response:
        """The fate of every SMS to `phone` (digits): final `status` code, or `refused`: error 8 when sending."""
        told = await request_params(request)
        return JSONResponse(self.sms.phones.put(str(told["phone"]), told))

    # Bitrix24

    async def entities(self, request: Request) -> Response:
        """What the portal `portal` (main) holds, by kind; `since` is unix seconds of the last change."""
        name, since = request.query_params.get("portal", "main"), float(request.query_params.get("since", 0))
        kinds = ("lead", "deal", "contact", "task", "comment", "activity", "notice")
        found: dict[str, list[Any]] = {kind: [] for kind in kinds}
        for row in self.bitrix24.portals.rows:
            if row["portal"] == name and row["at"] > since:
                found[row["kind"]].append(row["fields"])
        names = [portal["name"] for portal in self.bitrix24.portals.portals]
        return JSONResponse({"portals": names, "portal": name, **found, "now": time.time()})

    async def bucket(self, request: Request) -> Response:
        """Bucket levels and operating seconds; POST sets them: `{"portal", "level"}` for every known source,
        `{"code", "method", "operating"}` for a method of one webhook."""
        if request.method == "POST":
            told = await request_params(request)
            if "level" in told:
                self.bitrix24.fill(told.get("portal", "main"), told.get("source", "127.0.0.1"), float(told["level"]))
            if "operating" in told:
                self.bitrix24.charge(told["code"], told["method"].lower(), float(told["operating"]))
        now = time.monotonic()
        levels = [
            {"portal": portal, "source": source, "level": bucket.level(now)}
            for (portal, source), bucket in self.bitrix24.buckets.items()
        ]
        used = [
            {"code": code, "method": method, "operating": operating.total(time.time())}
            for (code, method), operating in self.bitrix24.operating.items()
        ]
        return JSONResponse({"buckets": levels, "operating": used})

    async def portal(self, request: Request) -> Response:
        """A portal's settings: mode (1, 2), plan ("commercial", "free"), moved_to (host), deleted, overloaded, users,
        directory, categories. POST changes those that are told."""
        if request.method == "POST":
            told = await request_params(request)
            return JSONResponse(self.bitrix24.portals.change_portal(told.pop("portal", "main"), told))
        return JSONResponse(self.bitrix24.portals.portal(request.query_params.get("portal", "main")))

    async def webhooks(self, request: Request) -> Response:
        """Register an incoming webhook: code, user_id (1), portal (main), scope ([] is all), expires_at (unix)."""
        told = await request_params(request)
        row = {
            "portal": told.get("portal", "main"),
            "user_id": int(told.get("user_id", 1)),
            "scope": list(told.get("scope") or []),
            "expires_at": told.get("expires_at"),
        }
        return JSONResponse(self.bitrix24.webhooks.put(str(told["code"]), row))

    async def tokens(self, request: Request) -> Response:
        """Install an application: portal (main), user_id (1), scope, client_id, expires_in (3600 s; 0 is expired)."""
        told = await request_params(request)
        tokens = self.bitrix24.issue(
            told.get("portal", "main"),
            int(told.get("user_id", 1)),
            list(told.get("scope") or []),
            client_id=told.get("client_id", "local.sandbox"),
            expires_in=int(told.get("expires_in", TOKEN_SECONDS)),
        )
        return JSONResponse(tokens)

    async def hooks(self, request: Request) -> Response:
        """Register an outgoing webhook of a portal: url, application_token, portal (main), events ([] is all)."""
        told = await request_params(request)
        row = {
            "portal": told.get("portal", "main"),
            "url": told["url"],
            "application_token": told["application_token"],
            "events": [event.upper() for event in told.get("events") or []],
        }
        return JSONResponse(self.bitrix24.hooks.put(f"{row['portal']} {row['url']}", row))

    async def act(self, request: Request) -> Response:
        """A person works in the portal: one REST method as `user_id` (1), outside every limit and fault."""
        told = await request_params(request)
        caller = Caller(told.get("portal", "main"), int(told.get("user_id", 1)), by_webhook=False)
        self.bitrix24.portals.portal(caller.portal)
        try:
            result = self.bitrix24.portals.call(told["method"].lower(), caller, told.get("params") or {})
        except RestError as error:
            return JSONResponse({"error": error.code, "error_description": error.description}, error.status)
        return JSONResponse({"result": result.value})

    # Language model

    async def llm_mode(self, request: Request) -> Response:
        """`mode`, `delay` (seconds, "slow"), `replies` ([{contains, content}], content text or JSON)."""
        if request.method == "POST":
            told = await request_params(request)
            if told.get("mode", "good") not in MODES:
                raise ValueError(f"mode must be one of {', '.join(MODES)}")
            named = {"mode": "llm_mode", "delay": "llm_delay"}
            self.world.configure({named[key]: told[key] for key in named if key in told})
            self.llm.replies = list(told.get("replies", self.llm.replies))
        shown = {"mode": self.world.settings["llm_mode"], "delay": self.world.settings["llm_delay"]}
        return JSONResponse({**shown, "replies": self.llm.replies})

    # Push

    async def push_messages(self, request: Request) -> Response:
        """Messages that wait for a subscription `name`, oldest first; POST makes or changes one (`Push.subscribe`)."""
        if request.method == "POST":
            return JSONResponse(self.push.subscribe(await request_params(request)))
        name = request.query_params.get("name")
        return JSONResponse({"messages": [row for row in self.push.messages if name in (None, row["name"])]})


def _guarded(handler: Handler) -> Handler:
    """A wrong order is told to the one who gave it; a page of another site gives none."""

    async def guarded(request: Request) -> Response:
        origin = request.headers.get("origin")
        if origin and urlsplit(origin).netloc != request.headers.get("host"):
            return JSONResponse({"error": "not from another site"}, 403)
        try:
            return await handler(request)
        except BadBody:
            return JSONResponse({"error": "the body is not JSON"}, 400)
        except KeyError as error:
            return JSONResponse({"error": f"{error.args[0]} is missing"}, 400)
        except LookupError as error:
            return JSONResponse({"error": str(error)}, 404)
        except (ValueError, TypeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return guarded


def _bot(bot: dict[str, Any]) -> dict[str, Any]:
    """A bot without its token."""
    shown = ("id", "name", "username", "revoked", "error", "error_at")
    webhook = bot["webhook"] or {}
    return {name: bot[name] for name in shown} | {"webhook_url": webhook.get("url", "")}
