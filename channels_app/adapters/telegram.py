"""Telegram Bot API."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
from django.conf import settings

from channels_app.adapters.base import (
    AccountBroken,
    Adapter,
    ClientUnreachable,
    Rejected,
    Unreadable,
    ask,
    http_client,
    read_json,
    try_json,
)
from contacts.incoming import Incoming
from contacts.phones import normalize
from leadhub.work import TryLater
from tenants.models import ChannelKind

SECRET_HEADER = "X-Telegram-Bot-Api-Secret-Token"  # noqa: S105 - a header's name
ALLOWED_UPDATES = ["message", "edited_message", "callback_query", "my_chat_member"]
STAFF_BUTTON = "staff|"  # data of buttons under notices to our own people, never a client's words
_BUTTON_DATA = 64  # bytes
Buttons = Sequence[Sequence[tuple[str, str]]]  # rows of (title, data)
_MEDIA = {
    "photo": "фото",
    "voice": "голосовое сообщение",
    "audio": "аудио",
    "video": "видео",
    "video_note": "видеосообщение",
    "animation": "анимация",
    "document": "файл",
    "location": "геопозиция",
    "venue": "место на карте",
}


class Telegram(Adapter):
    kind = ChannelKind.TELEGRAM
    longest_text = 4096

    # In

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        told = headers.get(SECRET_HEADER, "")
        return bool(secret) and hmac.compare_digest(told.encode(), secret.encode())

    def event_key(self, headers: Mapping[str, str], body: bytes) -> str:
        number = try_json(body).get("update_id")
        return str(number) if type(number) is int and abs(number) < 2**63 else ""

    def parse(self, body: bytes, content_type: str) -> list[Incoming]:
        update = read_json(body)
        if not isinstance(update, dict):
            raise Unreadable("не объект обновления")
        try:
            return [_read(update)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Unreadable(f"поля не те: {type(error).__name__}") from error

    # Out

    def send(self, to: str, text: str, choices: Sequence[str] = (), *, key: str) -> str:
        """Telegram knows no key of ours: after a lost answer the text may come twice."""
        order: dict[str, Any] = {"chat_id": to, "text": text}
        if choices:
            order["reply_markup"] = {"inline_keyboard": [[_button(n, choice)] for n, choice in enumerate(choices)]}
        return str(self._call("sendMessage", order)["message_id"])

    def send_notice(self, to: str, text: str, buttons: Buttons) -> str:
        """A word to one of our own people, with buttons that answer by their data; the message's number."""
        order = {"chat_id": to, "text": text[: self.longest_text], "reply_markup": _keyboard(buttons)}
        order["link_preview_options"] = {"is_disabled": True}
        return str(self._call("sendMessage", order)["message_id"])

    def edit_notice(self, to: str, message_id: str, text: str, buttons: Buttons) -> None:
        """Other words in place of a message of ours. One that says so already, or is gone, stays as it is."""
        order = {"chat_id": to, "message_id": int(message_id), "text": text[: self.longest_text]}
        order |= {"reply_markup": _keyboard(buttons), "link_preview_options": {"is_disabled": True}}
        try:
            self._call("editMessageText", order)
        except Rejected:
            return

    def take_back(self, to: str, message_id: str) -> None:
        """Delete a message of ours; one older than two days, or deleted already, is left."""
        try:
            self._call("deleteMessage", {"chat_id": to, "message_id": int(message_id)})
        except Rejected:
            return

    def answer_callback(self, callback_id: str, text: str = "") -> None:
        """Stop the pressed button's spinner, with a word that shows for a moment. A query that grew too old needs no
        answer any more."""
        try:
            told = {"text": text[:200], "show_alert": False} if text else {}
            self._call("answerCallbackQuery", {"callback_query_id": callback_id, **told})
        except Rejected:
            return

    def username(self) -> str:
        """The bot's own name, without @."""
        return str(self._call("getMe", {})["username"])

    def set_webhook(self, url: str, secret: str) -> None:
        self._call("setWebhook", {"url": url, "secret_token": secret, "allowed_updates": ALLOWED_UPDATES})

    def _call(self, method: str, order: Mapping[str, Any]) -> Any:
        token = self.credentials.get("token")
        if not token:
            raise AccountBroken("не указан токен бота")
        return _result(ask(http_client(settings.TELEGRAM_API_URL), f"/bot{token}/{method}", json=order))


# --- In ------------------------------------------------------------------------------------------------------------


def _read(update: dict[str, Any]) -> Incoming:
    if message := update.get("message"):
        return _read_message(message)
    if query := update.get("callback_query"):
        return _read_press(query)
    if change := update.get("my_chat_member"):
        return _read_membership(change)
    if message := update.get("edited_message"):
        return _read_edit(message)
    if "channel_post" in update or "edited_channel_post" in update:
        return _ignored("запись в канале")
    return _ignored("обновление не о переписке")


def _read_message(message: dict[str, Any]) -> Incoming:
    if (why := _not_a_client(message)) is not None:
        return _ignored(why)
    user, phone = message["from"], ""
    text = _text(message.get("text")) or _text(message.get("caption"))
    if contact := message.get("contact"):
        number = normalize("+" + str(contact["phone_number"]).lstrip("+"))
        is_own = contact.get("user_id") == user["id"]
        phone = number if is_own else ""
        text = text or (number if is_own and number else "[контакт]")
    if not text.strip():
        text = next((f"[{label}]" for field, label in _MEDIA.items() if field in message), "")
        if sticker := message.get("sticker"):
            text = _text(sticker.get("emoji")) or "[стикер]"
    if not text:
        return _ignored("служебное или пустое сообщение")
    is_start = text == "/start" or text.startswith("/start ")
    label = text.partition(" ")[2].strip() if is_start else ""
    return Incoming(
        kind="start" if is_start else "message",
        external_user_id=str(int(user["id"])),
        external_message_id=str(int(message["message_id"])),
        text=text,
        display_name=_full_name(user),
        sent_at=_moment(message.get("date")),
        phone=phone,
        phone_is_proven=bool(phone),
        utm={"utm_source": "telegram", "utm_campaign": label} if label else {},
        code=label[:60],
    )


def _read_edit(message: dict[str, Any]) -> Incoming:
    """New words of an earlier message; `sent_at` is when they were written."""
    read = _read_message(message)
    if not read.is_words:
        return read
    return replace(
        read, kind="edited", sent_at=_moment(message.get("edit_date")), phone="", phone_is_proven=False, utm={}, code=""
    )


def _read_press(query: dict[str, Any]) -> Incoming:
    """A pressed button is its words: those on the button, else those that fitted into its data."""
    message = query.get("message") or {}
    if why := _not_a_client({"chat": message.get("chat") or {"type": "private"}, "from": query["from"]}):
        return _ignored(why)
    data = _text(query.get("data"))
    if data.startswith(STAFF_BUTTON):
        return Incoming(
            kind="staff",
            external_user_id=str(int(query["from"]["id"])),
            text=data,
            callback_id=str(query["id"])[:64],
            reason="сотрудник ответил на уведомление",
        )
    rows = (message.get("reply_markup") or {}).get("inline_keyboard") or []
    words = [button["text"] for row in rows for button in row if button.get("callback_data") == data]
    text = _text(words[0]) if words else data.partition("|")[2]
    if not text:
        return _ignored("кнопка без текста")
    return Incoming(
        kind="pressed",
        external_user_id=str(int(query["from"]["id"])),
        external_message_id=f"press-{query['id']}"[:100],
        text=text,
        display_name=_full_name(query["from"]),
        callback_id=str(query["id"])[:64],
    )


def _read_membership(change: dict[str, Any]) -> Incoming:
    if change["chat"].get("type") != "private":
        return _ignored("бот в группе или канале")
    status = change["new_chat_member"]["status"]
    return Incoming(
        kind="blocked" if status in ("kicked", "left") else "unblocked",
        external_user_id=str(int(change["chat"]["id"])),
        reason="клиент заблокировал бота" if status in ("kicked", "left") else "клиент разблокировал бота",
    )


def _not_a_client(message: dict[str, Any]) -> str | None:
    if message["chat"].get("type") != "private":
        return "группа или канал: отвечаем только в личной переписке"
    if message["from"].get("is_bot"):
        return "написал бот"
    return None


def _ignored(reason: str) -> Incoming:
    return Incoming(kind="ignored", reason=reason)


def _text(value: Any) -> str:
    if value is not None and not isinstance(value, str):
        raise TypeError("text is no string")
    return value or ""


def _full_name(user: dict[str, Any]) -> str:
    return " ".join(part for part in (_text(user.get("first_name")), _text(user.get("last_name"))) if part)


def _moment(seconds: Any) -> datetime | None:
    """The provider's unix time; None for what is no time of ours."""
    if type(seconds) is not int or not 0 < seconds < 2**33:
        return None
    return datetime.fromtimestamp(seconds, UTC)


# --- Out -----------------------------------------------------------------------------------------------------------


def _button(number: int, words: str) -> dict[str, str]:
    data = f"{number}|{words}".encode()[:_BUTTON_DATA].decode(errors="ignore")
    return {"text": words, "callback_data": data}


def _keyboard(buttons: Buttons) -> dict[str, Any]:
    rows = [[{"text": title, "callback_data": data} for title, data in row] for row in buttons]
    return {"inline_keyboard": rows}


def _result(answer: httpx.Response) -> Any:
    """What the call gave, or the error by what happens next."""
    try:
        told = answer.json()
    except ValueError:
        told = None
    if not isinstance(told, dict) or "ok" not in told:
        raise TryLater(f"Telegram answered {answer.status_code} without JSON")
    if told["ok"]:
        return told["result"]
    code, why = told.get("error_code", answer.status_code), str(told.get("description", ""))[:200]
    if code == 429:
        pause = (told.get("parameters") or {}).get("retry_after") or 1
        raise TryLater("Telegram asks to slow down", after=timedelta(seconds=float(pause)), counts=False)
    if code in (401, 404):
        raise AccountBroken("Telegram не принимает токен бота")
    if code == 403 or (code == 400 and "chat not found" in why.lower()):
        raise ClientUnreachable("клиент заблокировал бота или не начинал переписку")
    if code >= 500:
        raise TryLater(f"Telegram answered {code}")
    raise Rejected(f"Telegram отказал: {why}")
