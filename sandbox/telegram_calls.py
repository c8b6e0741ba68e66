"""What a call of the Bot API says, read as Telegram reads it; and how it is refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import JSONResponse, Response

PORTS = (443, 80, 88, 8443)
LOOPBACK = ("localhost", "127.0.0.1", "::1")
TEXT_MAX = 4096
BUTTON_DATA_MAX = 64  # bytes


class Refusal(Exception):
    """An answer `{"ok": false}`."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def response(self) -> Response:
        body: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        if self.parameters:
            body["parameters"] = self.parameters
        return JSONResponse(body, self.code)


def words(params: dict[str, Any]) -> str:
    """The text of a message."""
    text = params.get("text", "")
    if not isinstance(text, str) or not text.strip():
        raise Refusal(400, "Bad Request: message text is empty")
    if len(text) > TEXT_MAX:
        raise Refusal(400, "Bad Request: message is too long")
    return text


def check_webhook_url(url: str) -> None:
    """https on one of Telegram's ports; a loopback address may be plain HTTP on any port, for there is no other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Refusal(400, "Bad Request: bad webhook: invalid URL") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Refusal(400, "Bad Request: bad webhook: invalid URL")
    if parts.hostname in LOOPBACK:
        return
    if parts.scheme != "https":
        raise Refusal(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
    if (port or 443) not in PORTS:
        raise Refusal(400, "Bad Request: bad webhook: Webhook can be set up only on ports 80, 88, 443 or 8443")


def read_markup(told: Any) -> dict[str, Any]:
    """A reply markup, from JSON text too; {} when there is none."""
    if told in (None, ""):
        return {}
    if isinstance(told, str):
        try:
            told = json.loads(told)
        except ValueError:
            told = None
    if not isinstance(told, dict):
        raise Refusal(400, "Bad Request: can't parse reply keyboard markup JSON object")
    for line in told.get("inline_keyboard", []):
        for button in line:
            if not button.get("text"):
                raise Refusal(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed")
            if "callback_data" in button and not 1 <= len(str(button["callback_data"]).encode()) <= BUTTON_DATA_MAX:
                raise Refusal(400, "Bad Request: BUTTON_DATA_INVALID")
            if not any(name != "text" for name in button):
                raise Refusal(400, "Bad Request: can't parse inline keyboard button: Text buttons are unallowed")
    return told


def listed(told: Any) -> list[str]:
    if isinstance(told, str):
        try:
            told = json.loads(told or "[]")
        except ValueError:
            raise Refusal(400, "Bad Request: can't parse allowed updates JSON object") from None
    return [str(kind) for kind in told or []]


def whole(told: Any, name: str) -> int:
    try:
        return int(told)
    except (TypeError, ValueError):
        raise Refusal(400, f"Bad Request: parameter {name} must be an integer") from None


def is_true(told: Any) -> bool:
    return str(told).lower() in ("true", "1", "yes")
