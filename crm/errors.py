"""What the portal's refusals mean: what comes back by itself, what a person must mend, what will never be taken.

No text here ever holds an address or a key: words of transport errors contain the webhook's code, so they are not kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from b24pysdk.errors import (
    BitrixBaseAPIError,
    BitrixRequestError,
    BitrixRequestTimeout,
    BitrixResponseError,
    BitrixSDKException,
)

from leadhub.logs import scrub
from leadhub.work import GiveUp, TryLater

METHOD_PAUSE = timedelta(minutes=1)  # one bucket of the portal's ten, where it named no time
LONGEST_METHOD_PAUSE = timedelta(minutes=10)

_KEY = "ключ вебхука не принят: он неверен, отозван или истёк его срок"
_PERSON = "у сотрудника, создавшего вебхук, нет доступа к порталу"
BREAKS = {
    "NO_AUTH_FOUND": _KEY,
    "EXPIRED_TOKEN": _KEY,
    "INVALID_TOKEN": _KEY,
    "INVALID_CREDENTIALS": _KEY,
    "AUTHORIZATION_ERROR": _KEY,
    "APPLICATION_NOT_FOUND": _KEY,
    "ERROR_OAUTH": _KEY,
    "USER_ACCESS_ERROR": _PERSON,
    "ALLOWED_ONLY_INTRANET_USER": _PERSON,
    "INSUFFICIENT_SCOPE": "вебхуку не дано право CRM",
    "ACCESS_DENIED": "портал не разрешает обмен: нет прав, или тариф без REST",
    "PAYMENT_REQUIRED": "тариф портала не оплачен",
    "INVALID_REQUEST": "портал принимает запросы только по HTTPS",
    "PORTAL_DELETED": "портал удалён",
    "OVERLOAD_LIMIT": "Битрикс24 закрыл обмен из-за перегрузки; нужна поддержка Битрикс24",
}


class Uncertain(TryLater):
    """No answer, or one that cannot be read: what was asked may have been done."""


class Busy(TryLater):
    """The portal counts too many requests; nothing was done."""


class MethodPaused(TryLater):
    """The portal blocked one method for a while; nothing was done."""


class Broken(Exception):
    """The connection itself: nothing goes through until a person mends it. str() is Russian."""


class Refused(GiveUp):
    """The portal will never take this as it is. `code` as the portal named it, upper case, perhaps empty."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"Битрикс24 не принял: {scrub(text)[:200] or code}")
        self.code = code


def understood(error: BitrixSDKException) -> Exception:
    """One of this module's exceptions for what the SDK raised of a whole request."""
    if isinstance(error, BitrixRequestTimeout):
        return Uncertain("Битрикс24 не ответил вовремя")
    if isinstance(error, BitrixRequestError):
        return Uncertain("нет связи с Битрикс24")
    if isinstance(error, BitrixBaseAPIError):
        told = error.json_response if isinstance(error.json_response, Mapping) else {}
        code, text = told.get("error"), told.get("error_description")
        return of_request(str(code or ""), str(text or ""), error.response.status_code, told.get("time"))
    if isinstance(error, BitrixResponseError):
        status = error.response.status_code
        if status == 404:
            return Broken("по адресу портала отвечает не Битрикс24")
        return Uncertain(f"ответ Битрикс24 не разобран (HTTP {status})")
    return Refused("", type(error).__name__)


def of_request(code: str, text: str, status: int, time: Any = None) -> Exception:
    """What an error of a whole request means."""
    code = code.upper()
    if code == "QUERY_LIMIT_EXCEEDED":
        return Busy("Битрикс24 просит реже", counts=False)
    if code == "OPERATION_TIME_LIMIT" or status == 429:
        return MethodPaused("Битрикс24 просит подождать", after=until_reset(time), counts=False)
    if code in BREAKS:
        return Broken(BREAKS[code])
    if status == 401:
        return Broken(_KEY)
    if status >= 500:
        return Uncertain(f"ошибка Битрикс24 (HTTP {status})")
    return Refused(code, text)


def of_command(method: str, told: Any, *, after: timedelta | None) -> Exception:
    """What an error of one command of a batch means: rights to one card do not break the connection."""
    told = told if isinstance(told, Mapping) else {"error_description": str(told)}
    code = str(told.get("error") or "").upper()
    text = str(told.get("error_description") or "")
    if code == "ACCESS_DENIED" or (code == "INSUFFICIENT_SCOPE" and not method.startswith("crm.")):
        return Refused(code, text or "нет прав")
    if code in ("INTERNAL_SERVER_ERROR", "ERROR_UNEXPECTED_ANSWER"):
        return Uncertain("ошибка Битрикс24")
    if code == "OPERATION_TIME_LIMIT":
        return MethodPaused("Битрикс24 просит подождать", after=after or METHOD_PAUSE, counts=False)
    return of_request(code, text, 400)


def until_reset(time: Any) -> timedelta | None:
    """How long the portal's own clock says a method stays blocked; None when the answer does not tell."""
    try:
        seconds = float(time["operating_reset_at"]) - float(time["finish"])
    except (KeyError, TypeError, ValueError):
        return None
    if seconds <= 0:
        return None
    return min(timedelta(seconds=seconds), LONGEST_METHOD_PAUSE)
