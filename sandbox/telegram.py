"""Telegram's Bot API: what bots call, the clients that write to them, and the updates that go to their webhooks."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .limits import Bucket
from .params import BadBody, request_params
from .telegram_calls import Refusal, check_webhook_url, is_true, listed, read_markup, whole, words
from .telegram_webhooks import Webhooks
from .world import World

TOKEN = re.compile(r"(\d{3,16}):[A-Za-z0-9_-]{10,80}")
SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")


class Telegram:
    """All bots of the sandbox, their chats and messages."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.bots = world.store.table("telegram.bots", limit=500)
        self.chats = world.store.table("telegram.chats", limit=50_000)
        self.messages = world.store.table("telegram.messages", limit=20_000)
        self.client_ids = world.store.counter("telegram.client", 700_000_001)
        self.methods: dict[str, Callable[[dict[str, Any], dict[str, Any]], Any]] = {
            "getme": self.get_me,
            "setwebhook": self.set_webhook,
            "deletewebhook": self.delete_webhook,
            "getwebhookinfo": self.get_webhook_info,
            "sendmessage": self.send_message,
            "editmessagetext": self.edit_message_text,
            "deletemessage": self.delete_message,
            "sendchataction": self.send_chat_action,
            "answercallbackquery": self.answer_callback_query,
        }
        self._buckets: dict[str, Bucket] = {}
        self._queries: dict[str, str] = {}
        self.webhooks = Webhooks(world, self.bots, self.call)

    def routes(self) -> list[Route]:
        path = "/telegram/bot{token}/{method}"
        return [Route(path, self.endpoint, methods=["GET", "POST"])]

    async def start(self) -> None:
        await self.webhooks.start()

    async def stop(self) -> None:
        await self.webhooks.stop()

    def reset(self) -> None:
        """Forget everything but how far the numbers of updates and messages have come: a bot never sees one twice."""
        self.webhooks.reset()
        for table in (self.bots, self.chats, self.messages):
            table.clear()
        self.forget_limits()

    def forget_limits(self) -> None:
        """Start counting anew."""
        self._buckets.clear()

    # What bots call

    async def endpoint(self, request: Request) -> Response:
        token, method = request.path_params["token"], request.path_params["method"]
        try:
            params = await request_params(request)
        except BadBody:
            return Refusal(400, "Bad Request: can't parse request body").response()
        bot_id = token.partition(":")[0]
        return self.world.answer("telegram", method, params, lambda: self.call(token, method, params), bot=bot_id)

    def call(self, token: str, method: str, params: dict[str, Any]) -> Response:
        """One Bot API call, with Telegram's envelope."""
        try:
            bot = self.bot_of(token)
            act = self.methods.get(method.lower())
            if act is None:
                raise Refusal(404, "Not Found")
            result = act(bot, params)
        except Refusal as refusal:
            return refusal.response()
        body = {"ok": True, "result": result}
        if method.lower() in ("setwebhook", "deletewebhook"):
            body["description"] = "Webhook was set" if method.lower() == "setwebhook" else "Webhook was deleted"
        return JSONResponse(body)

    def bot_of(self, token: str) -> dict[str, Any]:
        """The bot of a well-formed token; born on its first call unless only registered bots are known."""
        match = TOKEN.fullmatch(token)
        if match is None:
            raise Refusal(401, "Unauthorized")
        bot = self.bots.get(match[1])
        if bot is None and not self.world.settings["telegram_known_bots"]:
            bot = self.register(token)
        if bot is None or bot["revoked"] or bot["token"] != token:
            raise Refusal(401, "Unauthorized")
        return bot

    def register(self, token: str, *, name: str = "", username: str = "", revoked: bool = False) -> dict[str, Any]:
        """Make a bot known or change it. Raises ValueError for a token that is none."""
        match = TOKEN.fullmatch(token)
        if match is None:
            raise ValueError("a token looks like 123456:AbC-dEf")
        known = self.bots.get(match[1]) or {"name": f"Бот {match[1]}", "username": f"sandbox{match[1]}_bot"}
        bot = {
            "webhook": None,
            "error_at": None,
            "error": "",
            **known,
            "id": int(match[1]),
            "token": token,
            "revoked": revoked,
        }
        bot["name"] = name or bot["name"]
        bot["username"] = username or bot["username"]
        return self.bots.put(match[1], bot)

    def get_me(self, bot: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        return {
            **_bot_user(bot),
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }

    def set_webhook(self, bot: dict[str, Any], params: dict[str, Any]) -> bool:
        url = str(params.get("url", ""))
        if not url:
            return self.delete_webhook(bot, params)
        check_webhook_url(url)
        secret = params.get("secret_token")
        if secret is not None and not SECRET.fullmatch(str(secret)):
            raise Refusal(400, "Bad Request: secret token contains unallowed characters")
        connections = whole(params.get("max_connections", 40), "max_connections")
        bot["webhook"] = {
            "url": url,
            "secret_token": secret or None,
            "allowed_updates": listed(params.get("allowed_updates")),
            "max_connections": min(max(connections, 1), 100),
        }
        bot["error_at"], bot["error"] = None, ""
        self.bots.put(str(bot["id"]), bot)
        self.webhooks.changed(bot)
        self.webhooks.again(bot, drop=is_true(params.get("drop_pending_updates")))
        return True

    def delete_webhook(self, bot: dict[str, Any], params: dict[str, Any]) -> bool:
        bot["webhook"] = None
        self.bots.put(str(bot["id"]), bot)
        if is_true(params.get("drop_pending_updates")):
            self.webhooks.again(bot, drop=True)
        return True

    def get_webhook_info(self, bot: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        webhook = bot["webhook"] or {"url": ""}
        info = {
            "url": webhook["url"],
            "has_custom_certificate": False,
            "pending_update_count": len(self.webhooks.waiting(bot)),
        }
        if webhook["url"]:
            info["max_connections"] = webhook["max_connections"]
            if webhook["allowed_updates"]:
                info["allowed_updates"] = webhook["allowed_updates"]
        if bot["error_at"]:
            info |= {"last_error_date": bot["error_at"], "last_error_message": bot["error"]}
        return info

    def send_message(self, bot: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        text = words(params)
        if str(params.get("parse_mode") or "HTML").lower() not in ("html", "markdown", "markdownv2"):
            raise Refusal(400, "Bad Request: unsupported parse_mode")
        markup = read_markup(params.get("reply_markup"))
        chat = self._writable_chat(bot, params.get("chat_id"))
        self._hold_to_limits(bot, chat)
        message = {
            "message_id": self._message_id(bot),
            "from": _bot_user(bot),
            "chat": chat["chat"],
            "date": int(time.time()),
            "text": text,
        }
        if markup.get("inline_keyboard"):
            message["reply_markup"] = markup
        self._keep(bot, chat, message, out=True, keyboard=markup)
        return message

    def edit_message_text(self, bot: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
        """Other words and buttons in place; saying the same again is refused, as is a message of somebody else."""
        text = words(params)
        markup = read_markup(params.get("reply_markup"))
        row = self._own_message(bot, params, "Bad Request: message to edit not found")
        message = {key: value for key, value in row["message"].items() if key != "reply_markup"}
        if markup.get("inline_keyboard"):
            message["reply_markup"] = markup
        if message["text"] == text and message.get("reply_markup") == row["message"].get("reply_markup"):
            raise Refusal(400, "Bad Request: message is not modified")
        message |= {"text": text, "edit_date": int(time.time())}
        self._keep(bot, {"chat": message["chat"]}, message, out=True, keyboard=markup)
        return message

    def delete_message(self, bot: dict[str, Any], params: dict[str, Any]) -> bool:
        row = self._own_message(bot, params, "Bad Request: message to delete not found")
        self.messages.drop(f"{bot['id']}:{row['chat_id']}:{row['message']['message_id']}")
        return True

    def _own_message(self, bot: dict[str, Any], params: dict[str, Any], missing: str) -> dict[str, Any]:
        chat = self._writable_chat(bot, params.get("chat_id"))
        number = whole(params.get("message_id"), "message_id")
        row = self.messages.get(f"{bot['id']}:{chat['chat']['id']}:{number}")
        if row is None or not row["out"]:
            raise Refusal(400, missing)
        return row

    def send_chat_action(self, bot: dict[str, Any], params: dict[str, Any]) -> bool:
        self._writable_chat(bot, params.get("chat_id"))
        return True

    def answer_callback_query(self, bot: dict[str, Any], params: dict[str, Any]) -> bool:
        """True once; later the query is too old, as it is for a bot that answers twice or late."""
        query = str(params.get("callback_query_id", ""))
        if self._queries.pop(query, None) != str(bot["id"]):
            raise Refusal(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")
        return True

    def _writable_chat(self, bot: dict[str, Any], chat_id: Any) -> dict[str, Any]:
        """The chat of a message to be sent. 403: the client blocked the bot or never wrote to it."""
        if chat_id in (None, ""):
            raise Refusal(400, "Bad Request: chat_id is empty")
        try:
            number = int(chat_id)
        except (TypeError, ValueError):
            raise Refusal(400, "Bad Request: chat not found") from None
        chat = self.chats.get(f"{bot['id']}:{number}")
        if chat is None:
            if not self.world.settings["telegram_strangers"]:
                raise Refusal(403, "Forbidden: bot can't initiate conversation with a user")
            chat = self._chat(bot, {"id": number}, None)
        if chat["blocked"]:
            raise Refusal(403, "Forbidden: bot was blocked by the user")
        return chat

    def _hold_to_limits(self, bot: dict[str, Any], chat: dict[str, Any]) -> None:
        """30 messages a second a bot, 1 a second a chat with short bursts, 20 a minute a group; else 429."""
        settings = self.world.settings
        if not settings["telegram_limits"]:
            return
        everyone = settings["telegram_bot_per_second"]
        if chat["chat"]["type"] == "private":
            size, speed = settings["telegram_chat_burst"], settings["telegram_chat_per_second"]
        else:
            size = settings["telegram_group_per_minute"]
            speed = size / 60
        buckets = (
            self._buckets.setdefault(f"bot {bot['id']}", Bucket(max(everyone, 1), everyone)),
            self._buckets.setdefault(f"chat {bot['id']} {chat['chat']['id']}", Bucket(size, speed)),
        )
        now = time.monotonic()
        wait = max(bucket.wait(now) for bucket in buckets)
        if wait > 0:
            seconds = max(1, math.ceil(wait))
            raise Refusal(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)
        for bucket in buckets:
            bucket.pour(now)

    def _message_id(self, bot: dict[str, Any]) -> int:
        return self.world.store.counter(f"telegram.{bot['id']}.message").next()

    def _keep(
        self,
        bot: dict[str, Any],
        chat: dict[str, Any],
        message: dict[str, Any],
        *,
        out: bool,
        keyboard: dict[str, Any] | None = None,
    ) -> None:
        key = f"{bot['id']}:{chat['chat']['id']}:{message['message_id']}"
        row = {"bot": bot["id"], "chat_id": chat["chat"]["id"], "out": out, "at": time.time(), "message": message}
        if keyboard:
            row["keyboard"] = keyboard
        self.messages.put(key, row)

    # What clients do

    def say(self, order: dict[str, Any]) -> tuple[dict[str, Any], asyncio.Task[None] | None]:
        """A client writes to a bot: the made update and its delivery under way. Raises LookupError, ValueError.

        `order`: `bot` (id) or `token`; `client` (id, or a map with any of id, first_name, last_name, username,
        phone); then one of `text`, `contact` (true: the client's own phone), `callback` ({message_id, data}: a
        pressed button), `edit` ({message_id, text}), `update` (any update as it is; a given update_id is a replay).
        `message` is merged into the message (photo, voice, reply_to_message...), `chat` replaces the private chat.
        """
        bot = self.find_bot(order)
        if "update" in order:
            update = dict(order["update"])
            update.setdefault("update_id", self._update_id(bot))
            return self.webhooks.push(bot, update)
        user, phone = self._client(bot, order.get("client"))
        chat = self._chat(bot, order.get("chat") or {"id": user["id"]}, user, phone=phone)
        if chat["blocked"]:
            raise ValueError("this client has blocked the bot")
        return self.webhooks.push(bot, {"update_id": self._update_id(bot), **self._happening(bot, chat, user, order)})

    def _happening(
        self, bot: dict[str, Any], chat: dict[str, Any], user: dict[str, Any], order: dict[str, Any]
    ) -> dict[str, Any]:
        """The update's one content."""
        if "callback" in order:
            return {"callback_query": self._pressed(bot, chat, user, order["callback"])}
        if "edit" in order:
            row = self.messages.get(f"{bot['id']}:{chat['chat']['id']}:{order['edit']['message_id']}")
            if row is None:
                raise LookupError("no such message")
            row["message"] |= {"text": order["edit"]["text"], "edit_date": int(time.time())}
            self._keep(bot, chat, row["message"], out=row["out"])
            return {"edited_message": row["message"]}
        message = {
            "message_id": self._message_id(bot),
            "from": user,
            "chat": chat["chat"],
            "date": int(time.time()),
        }
        if order.get("contact"):
            contact = {"phone_number": chat["phone"], "first_name": user["first_name"], "user_id": user["id"]}
            message["contact"] = contact
        if "text" in order:
            message["text"] = str(order["text"])
            if entities := _entities(message["text"]):
                message["entities"] = entities
        message |= order.get("message") or {}
        self._keep(bot, chat, message, out=False)
        return {"message": message}

    def _pressed(
        self, bot: dict[str, Any], chat: dict[str, Any], user: dict[str, Any], callback: dict[str, Any]
    ) -> dict[str, Any]:
        row = self.messages.get(f"{bot['id']}:{chat['chat']['id']}:{callback['message_id']}")
        if row is None:
            raise LookupError("no such message")
        query = str(4_000_000_000 + self._update_id(bot))
        self._queries[query] = str(bot["id"])
        return {
            "id": query,
            "from": user,
            "message": row["message"],
            "chat_instance": str(chat["chat"]["id"]),
            "data": str(callback["data"]),
        }

    def know(self, order: dict[str, Any]) -> int:
        """Clients who wrote to the bot long ago: it may write to them, its webhook hears nothing. How many."""
        bot = self.find_bot(order)
        for client in order["clients"]:
            user, phone = self._client(bot, client)
            self._chat(bot, {"id": user["id"]}, user, phone=phone)
        return len(order["clients"])

    def block(self, order: dict[str, Any], *, blocked: bool) -> dict[str, Any]:
        """A client blocks the bot, or lets it write again; the bot hears of it by `my_chat_member`."""
        bot = self.find_bot(order)
        chat = self.chats.get(f"{bot['id']}:{order['client']}")
        if chat is None:
            raise LookupError("no such client")
        if chat["blocked"] != blocked:
            chat["blocked"] = blocked
            self.chats.put(f"{bot['id']}:{order['client']}", chat)
            states = ("member", "kicked") if blocked else ("kicked", "member")
            change = {
                "chat": chat["chat"],
                "from": chat["user"],
                "date": int(time.time()),
                "old_chat_member": {"user": _bot_user(bot), "status": states[0]},
                "new_chat_member": {"user": _bot_user(bot), "status": states[1]},
            }
            self.webhooks.push(bot, {"update_id": self._update_id(bot), "my_chat_member": change})
        return chat

    def find_bot(self, order: dict[str, Any]) -> dict[str, Any]:
        key = str(order.get("bot") or str(order.get("token", "")).partition(":")[0])
        bot = self.bots.get(key)
        if bot is None:
            raise LookupError("no such bot")
        return bot

    def _client(self, bot: dict[str, Any], client: Any) -> tuple[dict[str, Any], str]:
        """The writing user and the phone; an id already known keeps its names."""
        told = dict(client) if isinstance(client, dict) else {"id": client} if client else {}
        number = int(told.get("id") or self.client_ids.next())
        known = self.chats.get(f"{bot['id']}:{number}") or {"user": None, "phone": ""}
        user = {"id": number, "is_bot": False, "first_name": f"Клиент {number % 1000}", "language_code": "ru"}
        user |= known["user"] or {}
        names = ("first_name", "last_name", "username", "language_code")
        user |= {name: told[name] for name in names if told.get(name)}
        return user, str(told.get("phone") or known["phone"] or f"7900{number % 10_000_000:07d}")

    def _update_id(self, bot: dict[str, Any]) -> int:
        return self.world.store.counter(f"telegram.{bot['id']}.update", 100_000_001).next()

    def _chat(
        self, bot: dict[str, Any], chat: dict[str, Any], user: dict[str, Any] | None, *, phone: str = ""
    ) -> dict[str, Any]:
        """The remembered chat, made or brought up to date."""
        key = f"{bot['id']}:{chat['id']}"
        shown = {"id": chat["id"], "type": "private"}
        shown |= {name: user[name] for name in ("first_name", "last_name", "username") if user and name in user}
        if chat.get("type", "private") != "private":
            shown = dict(chat)
        row = self.chats.get(key) or {"bot": bot["id"], "blocked": False}
        fresh = row | {"chat": shown, "user": user or {"id": chat["id"], "first_name": ""}, "phone": phone}
        return fresh if fresh == row else self.chats.put(key, fresh)


def _bot_user(bot: dict[str, Any]) -> dict[str, Any]:
    return {"id": bot["id"], "is_bot": True, "first_name": bot["name"], "username": bot["username"]}


def _entities(text: str) -> list[dict[str, Any]]:
    match = re.match(r"/[A-Za-z0-9_]+(@\w+)?", text)
    return [{"type": "bot_command", "offset": 0, "length": match.end()}] if match else []
