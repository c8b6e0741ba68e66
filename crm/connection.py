"""The tenant's portal: who speaks to it, what its answers do to the connection, and how it is stopped and mended."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from b24pysdk.credentials import BitrixWebhook
from b24pysdk.errors import BitrixResponseError, BitrixSDKException
from django.conf import settings
from django.core.cache import cache
from django.db import connection as database
from django.db import transaction

from channels_app.notices import notify
from crm import errors, pacing
from crm.models import Connection
from leadhub.work import TryLater, later
from tenants.business.models import StaffMember
from tenants.models import Role

logger = logging.getLogger(__name__)

CONNECT_TIMEOUT, READ_TIMEOUT = settings.HTTP_CONNECT_TIMEOUT, settings.CRM_READ_TIMEOUT  # seconds
BUDGET = 70.0  # seconds a push may take: less than the lease under which it runs
LAST_CALL = 8.0  # seconds that must be left to begin one more request
STOPPED_RETRY = timedelta(minutes=10)
LONGEST_PAUSE = timedelta(minutes=5)
OK_NOTED_EVERY = timedelta(minutes=1)
MUCH_USED = 60.0  # seconds of a method in ten minutes, from which its end is worth remembering
KEPT_SECONDS = 5.0  # how long a process believes that a tenant has a connection, or has none

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?")
_WEBHOOK_PATH = re.compile(r"/rest/(\d+)/([^/]+)/?")
_known: dict[str, tuple[float, bool]] = {}

Command = tuple[str, dict[str, Any]]


# --- Which connection ------------------------------------------------------------------------------------------------


def active() -> Connection | None:
    """The tenant's connection, stopped or not; None when there is none or it is switched off."""
    return Connection.objects.filter(is_active=True).exclude(domain="").order_by("pk").first()


def is_connected() -> bool:
    """Whether there is an active connection; at most KEPT_SECONDS old."""
    schema = database.schema_name
    found = _known.get(schema)
    if found and time.monotonic() - found[0] < KEPT_SECONDS:
        return found[1]
    exists = active() is not None
    _known[schema] = (time.monotonic(), exists)
    return exists


def forget_known() -> None:
    _known.clear()


def parse_webhook(text: str) -> tuple[str, str]:
    """(domain, "1/code") of a webhook's address as the portal shows it. Raises ValueError in Russian."""
    parts = urlsplit(text.strip())
    path = _WEBHOOK_PATH.match(parts.path)
    if parts.scheme != "https" or not _HOST.fullmatch(parts.netloc) or path is None:
        raise ValueError("Адрес вебхука выглядит так: https://salon.bitrix24.ru/rest/1/ключ/")
    return parts.netloc, f"{path[1]}/{path[2]}"


def open_portal(*, now: datetime) -> Portal | None:
    """The portal to speak to; None: not connected. Raises TryLater while the connection is stopped or paused."""
    found = active()
    if found is None:
        return None
    if found.broken_reason:
        raise TryLater("подключение Битрикс24 остановлено", after=STOPPED_RETRY, counts=False)
    if found.paused_until and found.paused_until > now:
        wait = found.paused_until - now + pacing.next_turn(found.domain)
        raise TryLater("Битрикс24 просил подождать", after=wait, counts=False)
    return Portal(found, now=now)


# --- Stop and mend ---------------------------------------------------------------------------------------------------


@transaction.atomic
def stop(found: Connection, reason: str, *, now: datetime) -> None:
    """Nothing is sent until the connection is mended; the owner and the seniors are told, the agency sees it."""
    if not Connection.objects.filter(pk=found.pk, broken_reason="").update(broken_reason=reason[:200]):
        return
    logger.warning("connection %s stopped", found.pk)
    for person in people_told():
        text = f"Битрикс24 остановлен: {reason}. Заявки подождут и уйдут, когда подключение исправят."
        notify(person, "failure", text, key=f"crm-stopped-{found.pk}-{now:%Y%m%d%H%M%S}", now=now)


@transaction.atomic
def mended(found: Connection, *, now: datetime) -> None:
    """The connection works (again): what waits goes out, and open leads without a card get one."""
    Connection.objects.filter(pk=found.pk).update(broken_reason="", paused_until=None, failures=0, last_ok_at=now)
    found.refresh_from_db()
    if found.is_active:
        later("crm.catch_up", key="")


def people_told() -> list[StaffMember]:
    """Who hears that the connection fails."""
    return list(StaffMember.objects.filter(role__in=[Role.OWNER, Role.SENIOR], is_active=True))


# --- Speaking --------------------------------------------------------------------------------------------------------


class Webhook(BitrixWebhook):
    """The SDK follows a moved portal without its port and tells nobody: we follow it ourselves."""

    _AUTO_CHANGED_DOMAIN = False


@dataclass
class Answer:
    """What came of the commands of one batch, by their names."""

    portal: Portal
    results: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, Exception] = field(default_factory=dict)

    def check(self) -> None:
        """Raises what the first failed command means."""
        for error in self.errors.values():
            raise self.portal.failed(error)


class Portal:
    """One push's way to the portal: paced, with time-outs inside a budget, its failures noted with the connection."""

    def __init__(self, found: Connection, *, now: datetime) -> None:
        self.connection = found
        self.now = now
        self._ends = time.monotonic() + BUDGET
        self._has_begun = False

    def run(self, commands: Mapping[str, Command]) -> Answer:
        """Send up to 50 commands as one batch. Failures of single commands are in the answer: look at them.

        Raises TryLater, or GiveUp when the portal refuses the request for good."""
        answer = Answer(self)
        if not commands:
            return answer
        for method, _ in commands.values():
            self._check_free(method)
        told = self._send(dict(commands))
        result = told.get("result") or {}
        for name, body in _by_name(result.get("result"), commands).items():
            answer.results[name] = body
        for name, body in _by_name(result.get("result_time"), commands).items():
            self._note_reset(commands[name][0], body)
        for name, body in _by_name(result.get("result_error"), commands).items():
            method = commands[name][0]
            error = errors.of_command(method, body, after=self._known_reset(method))
            if isinstance(error, errors.MethodPaused):
                self._block(method, error)
            answer.errors[name] = error
        for name in commands.keys() - answer.results.keys() - answer.errors.keys():
            answer.errors[name] = errors.Uncertain("Битрикс24 не ответил на часть запроса")
        self._note_ok()
        return answer

    def _send(self, commands: dict[str, Command], *, has_moved: bool = False) -> dict[str, Any]:
        pacing.pour(self.connection.domain, below=pacing.GO_ON_BELOW if self._has_begun else pacing.START_BELOW)
        self._has_begun = True
        left = self._ends - time.monotonic()
        if left < LAST_CALL:
            raise TryLater("Битрикс24 отвечает слишком долго", after=timedelta(seconds=1))
        timeout = (CONNECT_TIMEOUT, min(READ_TIMEOUT, left - CONNECT_TIMEOUT))
        try:
            told = self._webhook().call_batch(commands, halt=False, timeout=timeout, max_retries=1)
        except BitrixSDKException as error:
            if not has_moved and self._has_moved(error):
                return self._send(commands, has_moved=True)
            meaning = errors.understood(error)
        except UnicodeError:
            meaning = errors.Broken("адрес портала записан неверно")
        else:
            if isinstance(told, dict) and isinstance(told.get("result"), dict):
                return told
            meaning = errors.Uncertain("ответ Битрикс24 не разобран")
        if isinstance(meaning, errors.MethodPaused):
            for method in {method for method, _ in commands.values()} if len(commands) == 1 else {"batch"}:
                self._block(method, meaning)
        raise self.failed(meaning) from None

    def _webhook(self) -> Webhook:
        if not _HOST.fullmatch(self.connection.domain):
            raise self.failed(errors.Broken("адрес портала записан неверно"))
        try:
            return Webhook(domain=self.connection.domain, webhook_token=self.connection.webhook_token)
        except ValueError:  # its words hold the key
            raise self.failed(errors.Broken("ключ вебхука записан неверно")) from None

    def _has_moved(self, error: BitrixSDKException) -> bool:
        """Whether the portal answered with its new address; the new address is kept."""
        if not isinstance(error, BitrixResponseError) or not error.response.is_redirect:
            return False
        target = urlsplit(error.response.headers.get("Location", ""))
        is_portal = target.scheme == "https" and target.path.startswith("/rest/") and _HOST.fullmatch(target.netloc)
        if not is_portal or target.netloc == self.connection.domain:
            return False
        logger.warning("connection %s: the portal has moved", self.connection.pk)
        Connection.objects.filter(pk=self.connection.pk).update(domain=target.netloc)
        self.connection.domain = target.netloc
        return True

    # What answers do to the connection

    def failed(self, meaning: Exception) -> Exception:
        """Note with the connection what a failure means for everybody; the exception that due work understands."""
        if isinstance(meaning, errors.Broken):
            stop(self.connection, str(meaning), now=self.now)
            return TryLater(f"подключение остановлено: {meaning}", after=STOPPED_RETRY, counts=False)
        if isinstance(meaning, errors.Busy):
            pacing.fill(self.connection.domain)
            meaning.after = self._pause()
        elif isinstance(meaning, errors.Uncertain):
            self._pause()
        return meaning

    def _pause(self) -> timedelta:
        """Leave the portal alone for a while that doubles with every failure in a row."""
        failures = min(self.connection.failures + 1, 10)
        pause = min(timedelta(seconds=2**failures), LONGEST_PAUSE)
        self.connection.failures, self.connection.paused_until = failures, self.now + pause
        Connection.objects.filter(pk=self.connection.pk).update(failures=failures, paused_until=self.now + pause)
        return pause

    def _note_ok(self) -> None:
        found = self.connection
        is_fresh = found.last_ok_at and self.now - found.last_ok_at < OK_NOTED_EVERY
        if is_fresh and not found.failures and not found.paused_until:
            return
        found.failures, found.paused_until, found.last_ok_at = 0, None, self.now
        Connection.objects.filter(pk=found.pk).update(failures=0, paused_until=None, last_ok_at=self.now)

    # Methods that the portal blocked for using too much time

    def _check_free(self, method: str) -> None:
        for name in ("batch", method):
            until = kept(self._key("blocked", name))
            if until and until > self.now:
                raise errors.MethodPaused("Битрикс24 просит подождать", after=until - self.now, counts=False)

    def _block(self, method: str, pause: errors.MethodPaused) -> None:
        pause.after = pause.after or self._known_reset(method) or errors.METHOD_PAUSE
        keep(self._key("blocked", method), self.now + pause.after, pause.after.total_seconds() + 60)

    def _note_reset(self, method: str, time_told: Any) -> None:
        """Remember when a method that is used much is free again: its refusal may not name the moment."""
        used = float(time_told.get("operating") or 0) if isinstance(time_told, Mapping) else 0.0
        if used > MUCH_USED and (pause := errors.until_reset(time_told)):
            keep(self._key("reset", method), self.now + pause, pause.total_seconds())

    def _known_reset(self, method: str) -> timedelta | None:
        until = kept(self._key("reset", method))
        return until - self.now if until and until > self.now else None

    def _key(self, what: str, method: str) -> str:
        return f"crm:{what}:{database.schema_name}:{self.connection.pk}:{method}"


def _by_name(told: Any, commands: Mapping[str, Command]) -> dict[str, Any]:
    """One map of a batch's answer by the commands' names: an empty one comes as []."""
    return {name: body for name, body in told.items() if name in commands} if isinstance(told, Mapping) else {}


def kept(key: str) -> Any:
    """A value of the cache; None when there is none or the cache is away."""
    try:
        return cache.get(key)
    except Exception as error:  # noqa: BLE001 - cache backends raise their clients' own kinds
        logger.warning("cache is away: %s", type(error).__name__)
        return None


def keep(key: str, value: Any, seconds: float) -> None:
    try:
        cache.set(key, value, max(int(seconds), 1))
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("cache is away: %s", type(error).__name__)
