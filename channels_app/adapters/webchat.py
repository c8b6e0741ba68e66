"""Our own chat on a business's site. The visitor is known by a token that the browser made and keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from channels_app.adapters.base import Adapter, Refused, Unreadable, digest, read_json, try_json
from contacts.incoming import Incoming
from tenants.models import ChannelKind

LONGEST_TEXT = 4000  # characters of one message
TOKEN_LENGTH = range(16, 129)  # a shorter token could be guessed, and it opens the conversation


class Webchat(Adapter):
    """Body: {"visitor", "client_key", "text", "page", "utm": {...}, "promo", "start": true for an opened chat}."""

    kind = ChannelKind.WEBCHAT
    is_public = True

    # In

    def verify(self, headers: Mapping[str, str], body: bytes, secret: str) -> bool:
        return True

    def event_key(self, headers: Mapping[str, str], body: bytes) -> str:
        told = try_json(body)
        visitor, key = told.get("visitor"), told.get("client_key")
        return digest(str(visitor), str(key)) if visitor and key else ""

    def check(self, body: bytes, content_type: str) -> None:
        try:
            told = read_json(body)
        except Unreadable:
            raise Refused("Сообщение не разобрано: ожидается JSON.") from None
        if not isinstance(told, dict):
            raise Refused("Сообщение не разобрано: ожидается объект JSON.")
        visitor, key, text = told.get("visitor"), told.get("client_key"), told.get("text")
        if not isinstance(visitor, str) or len(visitor) not in TOKEN_LENGTH:
            raise Refused("Нет ключа посетителя (visitor): от 16 до 128 знаков.")
        if not isinstance(key, str) or not 1 <= len(key) <= 128:
            raise Refused("Нет ключа сообщения (client_key): от 1 до 128 знаков.")
        if not isinstance(text, str) or not text.strip():
            raise Refused("Сообщение пустое.")
        if len(text) > LONGEST_TEXT:
            raise Refused(f"Сообщение длиннее {LONGEST_TEXT} знаков: разделите его, пожалуйста, на части.")

    def visitor(self, body: bytes) -> str:
        return visitor_id(str(try_json(body).get("visitor") or ""))

    def parse(self, body: bytes, content_type: str) -> list[Incoming]:
        try:
            self.check(body, content_type)
        except Refused as error:
            raise Unreadable(str(error)) from None
        told = read_json(body)
        utm = told.get("utm")
        return [
            Incoming(
                kind="message",
                external_user_id=visitor_id(told["visitor"]),
                external_message_id=digest(told["client_key"]),
                text=told["text"],
                utm=words_of(utm) if isinstance(utm, dict) else {},
                promo=_word(told.get("promo")),
                page=_word(told.get("page")),
            )
        ]

    # Out

    def send(self, to: str, text: str, choices: Sequence[str] = (), *, key: str) -> str:
        """The text stands in the database, where the widget reads it: there is nobody to call."""
        return key


def visitor_id(token: str) -> str:
    """Name of a visitor that tells nobody the token."""
    return digest("webchat", token) if token else ""


def words_of(told: Mapping[Any, Any]) -> dict[str, str]:
    """UTM marks with their full names; odd values are left out."""
    marks = {}
    for name, value in told.items():
        name = str(name).lower()
        name = name if name.startswith("utm_") else f"utm_{name}"
        if name in ("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term") and _word(value):
            marks[name] = _word(value)
    return marks


def _word(value: Any) -> str:
    return str(value)[:500] if isinstance(value, (str, int, float)) and not isinstance(value, bool) else ""
