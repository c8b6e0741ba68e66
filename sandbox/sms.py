"""SMSC.ru: `/sys/send.php` and `/sys/status.php`. Errors come with HTTP 200.

SMSC knows no idempotency key. A message may carry the sender's own `id`, and the same `id` sent twice is two
messages; but `status.php` finds a message by it, so who got no answer asks there first: status -3 is "never came".
"""

from __future__ import annotations

import re
import time
from datetime import datetime, timedelta, timezone
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .params import BadBody, request_params
from .world import World

MOSCOW = timezone(timedelta(hours=3))
DUPLICATE_SECONDS = 60
SEND_ERRORS = {
    1: "parameters error",
    2: "authorise error",
    3: "no money",
    4: "ip is temporarily blocked",
    5: "invalid date format",
    6: "message is denied",
    7: "invalid phone number",
    8: "message can not be delivered",
    9: "too many requests",
}
NOT_FOUND, WAITING, WITH_OPERATOR, DELIVERED = -3, -1, 0, 1
STATUS_NAMES = {
    NOT_FOUND: "Сообщение не найдено",
    WAITING: "Ожидает отправки",
    WITH_OPERATOR: "Передано оператору",
    DELIVERED: "Доставлено",
    2: "Прочитано",
    3: "Просрочено",
    20: "Невозможно доставить",
    22: "Неверный номер",
    23: "Запрещено",
    24: "Недостаточно средств",
    25: "Недоступный номер",
}
DEMO_ACCOUNT = {"login": "sandbox", "psw": "sandbox", "apikey": "sandbox-smsc-key"}
GSM7 = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)


class SmsError(Exception):
    def __init__(self, code: int, text: str = "") -> None:
        super().__init__(text or SEND_ERRORS[code])
        self.code = code


class Smsc:
    """Accounts and the messages they sent."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.accounts = world.store.table("sms.accounts", limit=500)
        self.messages = world.store.table("sms.messages", limit=10_000)
        self.phones = world.store.table("sms.phones", limit=10_000)
        self.ids = world.store.counter("sms.message")
        self._order = 0
        self._recent: dict[tuple[str, str, str], float] = {}

    def routes(self) -> list[Route]:
        return [
            Route("/smsc/sys/send.php", self.send_endpoint, methods=["GET", "POST"]),
            Route("/smsc/sys/status.php", self.status_endpoint, methods=["GET", "POST"]),
            Route("/smsc/sys/balance.php", self.balance_endpoint, methods=["GET", "POST"]),
        ]

    def start(self) -> None:
        if not len(self.accounts):
            self.account(DEMO_ACCOUNT)
        for row in self.messages:
            self._remember(row)

    def reset(self) -> None:
        for table in (self.accounts, self.messages, self.phones):
            table.clear()
        self._recent.clear()
        self.start()

    def account(self, told: dict[str, Any]) -> dict[str, Any]:
        """Make or change an account: login, psw, apikey, balance (roubles), ip_blocked, senders ([] = any)."""
        known = self.accounts.get(told["login"]) or {"balance": 1000.0, "ip_blocked": False, "senders": []}
        return self.accounts.put(told["login"], {**known, **told})

    async def send_endpoint(self, request: Request) -> Response:
        return await self._endpoint(request, "send", self.send)

    async def status_endpoint(self, request: Request) -> Response:
        return await self._endpoint(request, "status", self.status)

    async def balance_endpoint(self, request: Request) -> Response:
        return await self._endpoint(request, "balance", lambda account, _: {"balance": _money(account["balance"])})

    async def _endpoint(self, request: Request, method: str, act: Any) -> Response:
        try:
            params = {key: str(value) for key, value in (await request_params(request)).items()}
        except BadBody:
            params = {}

        def answer() -> Response:
            try:
                return _printed(act(self._account(params), params), params)
            except SmsError as error:
                return _refused(error, params)

        logged = {key: value for key, value in params.items() if key not in ("psw", "apikey")}
        return self.world.answer("sms", method, logged, answer)

    def _account(self, params: dict[str, str]) -> dict[str, Any]:
        if not params.get("apikey") and not (params.get("login") and params.get("psw")):
            raise SmsError(1)
        for account in self.accounts:
            by_key = params.get("apikey") and params["apikey"] == account.get("apikey")
            by_password = (params.get("login"), params.get("psw")) == (account["login"], account.get("psw"))
            if by_key or by_password:
                if account["ip_blocked"]:
                    raise SmsError(4)
                return account
        raise SmsError(2)

    # Sending

    def send(self, account: dict[str, Any], params: dict[str, str]) -> dict[str, Any]:
        text = params.get("mes", "")
        phones = [part for part in re.split(r"[,;]", params.get("phones", "")) if part.strip()]
        if not phones or not text:
            raise SmsError(1)
        if account["senders"] and params.get("sender") and params["sender"] not in account["senders"]:
            raise SmsError(6)
        numbers = [_number(phone) for phone in phones]
        if len(numbers) == 1 and (self.phones.get(numbers[0]) or {}).get("refused"):
            raise SmsError(8)
        own_id = _own_id(params.get("id"))
        send_at = _moment(params.get("time"))
        parts = sms_parts(text)
        cost = round(parts * len(numbers) * self.world.settings["sms_price"], 2)
        if params.get("cost") == "1":
            return {"cost": _money(cost), "cnt": parts * len(numbers)}
        if account["balance"] < cost:
            raise SmsError(3)
        if any(self._is_duplicate(account, number, text) for number in numbers):
            raise SmsError(9)
        account["balance"] = round(account["balance"] - cost, 2)
        self.accounts.put(account["login"], account)
        message_id = own_id or self.ids.next()
        for number in numbers:
            self._keep(account, message_id, number, text, params, parts=parts, send_at=send_at)
        answer = {"id": message_id, "cnt": parts * len(numbers)}
        if params.get("cost") in ("2", "3"):
            answer["cost"] = _money(cost)
        if params.get("cost") == "3":
            answer["balance"] = _money(account["balance"])
        return answer

    def _is_duplicate(self, account: dict[str, Any], number: str, text: str) -> bool:
        """The same words to the same number within a minute."""
        if not self.world.settings["sms_limits"]:
            return False
        return self._recent.get((account["login"], number, text), 0.0) > time.time() - DUPLICATE_SECONDS

    def _keep(
        self,
        account: dict[str, Any],
        message_id: int,
        number: str,
        text: str,
        params: dict[str, str],
        *,
        parts: int,
        send_at: float | None,
    ) -> None:
        self._order += 1
        now = time.time()
        row = {
            "id": message_id,
            "login": account["login"],
            "phone": number,
            "text": text,
            "sender": params.get("sender", ""),
            "parts": parts,
            "at": now,
            "send_at": send_at or now,
            "cost": round(parts * self.world.settings["sms_price"], 2),
        }
        self.messages.put(f"{now:.6f}:{self._order}", row)
        self._remember(row)

    def _remember(self, row: dict[str, Any]) -> None:
        """Note one message for the check of duplicates, and forget those of long ago."""
        self._recent[row["login"], row["phone"], row["text"]] = row["at"]
        if len(self._recent) > 2 * self.messages.limit:
            since = row["at"] - DUPLICATE_SECONDS
            self._recent = {key: at for key, at in self._recent.items() if at > since}

    # Status

    def status(self, account: dict[str, Any], params: dict[str, str]) -> Any:
        """One object, or a list when several ids or phones are asked for (one phone an id)."""
        ids = [part for part in params.get("id", "").split(",") if part.strip()]
        phones = [part for part in params.get("phone", "").split(",") if part.strip()]
        if not ids or len(ids) != len(phones):
            raise SmsError(1)
        found = [
            self._one_status(account, wanted.strip(), phone, params.get("all", "0"))
            for wanted, phone in zip(ids, phones, strict=True)
        ]
        return found[0] if len(found) == 1 else found

    def _one_status(self, account: dict[str, Any], wanted: str, phone: str, detail: str) -> dict[str, Any]:
        number = re.sub(r"\D", "", phone)
        number = "7" + number[1:] if len(number) == 11 and number.startswith("8") else number
        mine = [
            row
            for row in self.messages
            if (row["login"], str(row["id"]), row["phone"]) == (account["login"], wanted, number)
        ]
        if not mine:
            return {"status": NOT_FOUND, "last_date": "", "last_timestamp": 0}
        row = mine[-1]
        code, changed_at = self.state(row)
        answer: dict[str, Any] = {
            "status": code,
            "last_date": _date(changed_at),
            "last_timestamp": int(changed_at),
        }
        if code in (20, 22, 23, 25):
            answer["err"] = 255
        if detail in ("1", "2"):
            answer |= {
                "id": row["id"],
                "send_date": _date(row["send_at"]),
                "send_timestamp": int(row["send_at"]),
                "phone": row["phone"],
                "cost": _money(row["cost"]),
                "sender_id": row["sender"],
                "status_name": STATUS_NAMES[code],
                "message": row["text"],
            }
        return answer

    def state(self, row: dict[str, Any]) -> tuple[int, float]:
        """The message's status code and since when (unix seconds)."""
        now, left = time.time(), row["send_at"]
        if now < left:
            return WAITING, row["at"]
        arrives = left + self.world.settings["sms_delivery_seconds"]
        if now < arrives:
            return WITH_OPERATOR, left
        fate = self.phones.get(row["phone"]) or {}
        return fate.get("status", DELIVERED), arrives

    def seen(self, since: float = 0.0) -> list[dict[str, Any]]:
        """Messages accepted after `since` (unix seconds), oldest first, with their present state."""
        rows = [row for row in self.messages if row["at"] > since]
        return [{**row, "status": (code := self.state(row)[0]), "status_name": STATUS_NAMES[code]} for row in rows]


def sms_parts(text: str) -> int:
    """Parts that an SMS costs: Cyrillic 70 or 67 when joined, plain Latin 160 or 153."""
    single, joined = (160, 153) if set(text) <= GSM7 else (70, 67)
    length = len(text.encode("utf-16-le")) // 2
    return 1 if length <= single else -(-length // joined)


def _number(phone: str) -> str:
    """Digits with the country code. Raises error 7."""
    digits = re.sub(r"[\s()+-]", "", phone)
    if not digits.isdigit() or not 11 <= len(digits) <= 15:
        raise SmsError(7)
    return "7" + digits[1:] if len(digits) == 11 and digits.startswith("8") else digits


def _own_id(told: str | None) -> int | None:
    if not told:
        return None
    if not told.isdigit() or not 1 <= int(told) <= 2_147_483_647:
        raise SmsError(1)
    return int(told)


def _moment(told: str | None) -> float | None:
    """Sending time: DDMMYYhhmm in Moscow, or +hours; None is at once. Raises error 5."""
    if not told or told == "0":
        return None
    try:
        if told.startswith("+"):
            return time.time() + float(told[1:]) * 3600
        return datetime.strptime(told, "%d%m%y%H%M").replace(tzinfo=MOSCOW).timestamp()
    except ValueError:
        raise SmsError(5) from None


def _printed(answer: Any, params: dict[str, str]) -> Response:
    """fmt=3 is JSON; anything else the plain text that a client meets when it forgets fmt."""
    if params.get("fmt") == "3":
        return JSONResponse(answer)
    rows = answer if isinstance(answer, list) else [answer]
    if "cnt" in rows[0] and "id" in rows[0]:
        return PlainTextResponse(f"OK - {rows[0]['cnt']} SMS, ID - {rows[0]['id']}")
    return PlainTextResponse("\n".join(", ".join(f"{key} = {value}" for key, value in row.items()) for row in rows))


def _refused(error: SmsError, params: dict[str, str]) -> Response:
    if params.get("fmt") == "3":
        return JSONResponse({"error": str(error), "error_code": error.code})
    return PlainTextResponse(f"ERROR = {error.code} ({error})")


def _money(roubles: float) -> str:
    return f"{roubles:.2f}".rstrip("0").rstrip(".")


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, MOSCOW).strftime("%d.%m.%Y %H:%M:%S")
