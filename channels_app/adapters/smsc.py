"""SMSC.ru: texts to phones. Errors come with HTTP 200."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import httpx
from django.conf import settings

from channels_app.adapters.base import AccountBroken, Adapter, ClientUnreachable, Rejected, ask, http_client
from leadhub.work import TryLater
from tenants.models import ChannelKind

_NOT_FOUND = -3
_BROKEN = {2: "SMSC не принимает логин или пароль", 3: "на счёте SMSC кончились деньги"}
_REJECTED = {1: "SMSC: ошибка в параметрах", 5: "SMSC: неверная дата", 6: "SMSC: текст или имя отправителя запрещены"}
_UNREACHABLE = {7: "неверный номер телефона", 8: "на этот номер СМС не доставить"}
_PAUSES = {4: timedelta(minutes=5), 9: timedelta(seconds=61)}  # address blocked for a while; the same words too soon


class Smsc(Adapter):
    kind = ChannelKind.SMS
    longest_text = 1000  # longer ones are refused by operators

    def send(self, to: str, text: str, choices: Sequence[str] = (), *, key: str) -> str:
        order = {**self._login(), "phones": to, "mes": text, "id": own_id(key), "charset": "utf-8", "fmt": 3}
        if sender := self.credentials.get("sender"):
            order["sender"] = sender
        return str(_checked(ask(self._http(), "/sys/send.php", data=order))["id"])

    can_find_sent = True

    def find_sent(self, to: str, *, key: str) -> str | None:
        number = own_id(key)
        order = {**self._login(), "phone": to, "id": number, "fmt": 3}
        told = _checked(ask(self._http(), "/sys/status.php", data=order))
        return None if told.get("status") == _NOT_FOUND else str(number)

    def _http(self) -> httpx.Client:
        return http_client(settings.SMSC_API_URL)

    def _login(self) -> dict[str, Any]:
        if apikey := self.credentials.get("apikey"):
            return {"apikey": apikey}
        if not (self.credentials.get("login") and self.credentials.get("password")):
            raise AccountBroken("не указаны логин и пароль SMSC")
        return {"login": self.credentials["login"], "psw": self.credentials["password"]}


def own_id(key: str) -> int:
    """Our own number of a message, 1 to 2^31-1: SMSC finds a message by it when its answer was lost."""
    return zlib.crc32(key.encode()) % (2**31 - 1) + 1


def _checked(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        told = None
    if answer.status_code >= 400 or not isinstance(told, dict):
        raise TryLater(f"SMSC answered {answer.status_code}")
    code = told.get("error_code")
    if code is None:
        return told
    if code in _BROKEN:
        raise AccountBroken(_BROKEN[code])
    if code in _UNREACHABLE:
        raise ClientUnreachable(_UNREACHABLE[code])
    if code in _PAUSES:
        raise TryLater(f"SMSC: error {code}", after=_PAUSES[code])
    raise Rejected(_REJECTED.get(code, f"SMSC отказал: ошибка {code}"))
