"""A whole installation beside the stand-ins of the outside: its processes can be killed, frozen and looked into.

Tests see it as the world does: they post by HTTP, read the stand-ins' log, and look into the database with SQL.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import redis

from leadhub import environment
from leadhub.embedded.supervisor import CALM_AFTER
from sandbox.testing import SandboxProcess
from tests.services.copies import Copy

PATIENCE = 90.0  # seconds; generous, for a slow machine: nothing here asserts how fast it went
NOON_IN_UFA = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)  # Wednesday, inside every working hour
SECRET = "s3cret"
BOT_TOKENS = {
    "vesna": "777000111:AAFaultyBotTOKENofVesna_0123456789ab",
    "sosed": "777000222:AAFaultyBotTOKENofSosed_0123456789ab",
}
PORTAL_CODE = "q7portalcode5zx"
SMS_PASSWORD = "gate-p4ssw0rd"
# Short waits: the same code paths as with the defaults, sooner.
SETTINGS = {
    "HTTP_READ_TIMEOUT_SECONDS": "2.5",
    "CRM_READ_TIMEOUT_SECONDS": "2",
    "WORK_RESEND_SECONDS": "2",
    "OPENAI_REST_SECONDS": "3",
    "WORK_LEASE_SECONDS": "30",
}
# `psql` words for "this backend waits for a lock".
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = 'leadhub'"


class Installation(Copy):
    """Two businesses: «Весна» (slug vesna) with a Bitrix24 portal, «Соседний салон» (sosed) without one."""

    def __init__(self, home: Path, port: int, sandbox: SandboxProcess) -> None:
        self.sandbox = sandbox
        self._clock_file = home / "clock"
        self._ahead = (NOON_IN_UFA - datetime.now(UTC)).total_seconds()
        self.pass_time(0)
        super().__init__(
            home / "data",
            port,
            LEADHUB_CLOCK_FILE=str(self._clock_file),
            SANDBOX_URL=sandbox.url,
            REQUESTS_CA_BUNDLE=sandbox.ca_file,
            **SETTINGS,
        )
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30.0, trust_env=False)
        self._numbers = count(910_000_001)
        self._updates = count(5_000_001)
        self._ended: list[float] = []

    def furnish(self) -> None:
        """Businesses, channels, the portal, and the bots' webhooks set in the messenger."""
        credentials = {"tokens": BOT_TOKENS, "secret": SECRET, "sms_password": SMS_PASSWORD}
        portal = {"domain": self.sandbox.tls_domain, "webhook_token": f"1/{PORTAL_CODE}"}
        self.manage("shell", "-v", "0", "-c", _FURNISH.format(credentials=credentials, portal=portal))
        for slug, token in BOT_TOKENS.items():
            order = {"url": f"http://127.0.0.1:{self.port}{hook('telegram', slug)}", "secret_token": SECRET}
            httpx.post(f"{self.sandbox.url}/telegram/bot{token}/setWebhook", json=order, trust_env=False)
            self.sandbox.post("telegram/bots", token=token)

    def outside_as_new(self) -> None:
        """No faults, no counts of requests from tests before."""
        self.sandbox.clear_faults()
        self.sandbox.settings(
            telegram_strangers=True, telegram_limits=False, bitrix24_limits=False, telegram_retry_pauses=[0.5] * 120
        )
        self.sandbox.post("sms/account", login="vesna", psw=SMS_PASSWORD, balance=10_000.0)
        self.sandbox.post("bitrix24/webhooks", code=PORTAL_CODE)
        self.valkey.delete(f"lh:crm:bucket:{self.sandbox.tls_domain}")
        self.sql("UPDATE t_vesna.crm_connection SET paused_until = NULL, failures = 0, broken_reason = ''")
        for schema in ("t_vesna", "t_sosed"):
            self.sql(f"UPDATE {schema}.channels_app_channelaccount SET paused_reason = ''")
            # A slow machine gives leads to people whom the assistant answers late: people full of them take no more.
            self.sql(f"UPDATE {schema}.routing_lead SET status = 'closed' WHERE status IN ('open', 'needs_call')")

    # --- Time ---

    def pass_time(self, seconds: float) -> None:
        """The installation's clock runs on by so much at once; what falls due meanwhile is done."""
        self._ahead += seconds
        draft = self._clock_file.with_suffix(".new")
        draft.write_text(str(self._ahead))
        draft.replace(self._clock_file)

    def now(self) -> float:
        """Unix seconds of the installation's clock."""
        return time.time() + self._ahead

    def wait(self, what: str, condition: Callable[[], Any], *, hurry: float = 0.0) -> Any:
        """Poll until the condition holds, and return what it gave. `hurry`: seconds the clock jumps with each look,
        so that pauses between tries are over sooner."""
        deadline = time.monotonic() + PATIENCE
        while not (found := condition()):
            assert time.monotonic() < deadline, f"{what}\n{self._state()}"
            assert self.process.poll() is None, self.output
            time.sleep(0.1)
            if hurry:
                self.pass_time(hurry)
        return found

    def _state(self) -> str:
        rows = self.sql(
            "SELECT schema, handler, key, due_at, sent_at, claimed_until, attempts, failed_at, last_error FROM due_work"
            " WHERE due_at < %s OR failed_at IS NOT NULL ORDER BY due_at LIMIT 40",
            datetime.fromtimestamp(self.now() + 60, UTC),
        )
        for schema in ("t_vesna", "t_sosed"):
            rows += self.sql(
                f"SELECT id, status, error, text FROM {schema}.channels_app_delivery ORDER BY id DESC LIMIT 5"
            )
            rows += self.sql(f"SELECT * FROM {schema}.routing_decision ORDER BY id DESC LIMIT 8")
        owed = "\n".join(str(row) for row in rows)
        return f"now {datetime.fromtimestamp(self.now(), UTC)}\nowed and sent:\n{owed}\nprinted:\n{self.output[-6000:]}"

    # --- Looking in ---

    def number(self, query: str, *params: Any) -> int:
        return self.sql(query, *params)[0][0]

    @property
    def valkey(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(environment.run_dir(self.data) / "valkey.sock"), socket_timeout=5)

    def owed(self, *handlers: str) -> int:
        """Rows of these handlers that still are to be done."""
        return self.number(
            "SELECT count(*) FROM due_work WHERE handler = ANY(%s) AND failed_at IS NULL", list(handlers)
        )

    def stopped(self) -> list[tuple]:
        """Work that gave up: never the outcome of a fault that passes."""
        return self.sql("SELECT schema, handler, key, last_error FROM due_work WHERE failed_at IS NOT NULL")

    def waits_for_lock(self) -> bool:
        return self.number(_WAITING) > 0

    # --- Its processes ---

    def part(self, command: str) -> list[int]:
        """Pids of a part, the one that the supervisor started first. `command`: a piece of its command line."""
        roots = [pid for pid in self.pids(of=command) if _parent(pid) == self.process.pid]
        return [pid for root in roots for pid in [root, *(each for each in _session(root) if each != root)]]

    def kill(self, command: str) -> list[int]:
        """kill -9 of a part and all its children; their pids."""
        pids = self.part(command)
        assert pids, command
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        return pids

    def wait_calm(self) -> None:
        """Until a server may be ended: the supervisor gives up when servers do not hold, and four ends in a minute are
        one too many. A test with a short window calls it before the window opens."""
        while len(self._ended) > 2 and time.monotonic() - self._ended[-3] < CALM_AFTER + 2:
            time.sleep(0.5)

    def end_service(self, command: str, number: signal.Signals) -> int:
        """Signal a server's main process; its pid."""
        self.wait_calm()
        self._ended.append(time.monotonic())
        [pid, *_] = self.part(command)
        os.kill(pid, number)
        return pid

    @contextmanager
    def frozen(self, *commands: str) -> Iterator[list[int]]:
        """These parts do nothing meanwhile (SIGSTOP): not one instruction of theirs runs."""
        pids = [pid for command in commands for pid in self.part(command)]
        assert pids, commands
        try:
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
            yield pids
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)

    @contextmanager
    def unattended(self) -> Iterator[None]:
        """The supervisor restarts nothing meanwhile: what was killed stays away."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)

    # --- Callers from outside ---

    def post(self, path: str, body: Any, **headers: str) -> httpx.Response:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self._http.post(path, content=content, headers={"Content-Type": "application/json", **headers})

    def fetch(self, path: str, **headers: str) -> httpx.Response:
        return self._http.get(path, headers=headers)

    def client(self, slug: str = "vesna") -> Client:
        """Somebody who never wrote before."""
        return Client(self, slug, next(self._numbers))

    def clients(self, how_many: int, slug: str = "vesna") -> list[Client]:
        return [self.client(slug) for _ in range(how_many)]

    def next_update(self) -> int:
        return next(self._updates)


class Client:
    """Somebody who writes to a business's Telegram bot, and what came of it."""

    def __init__(self, installation: Installation, slug: str, number: int) -> None:
        self.installation = installation
        self.slug = slug
        self.schema = f"t_{slug}"
        self.number = number
        self.phone = f"+7901{number % 10_000_000:07d}"
        self.token = BOT_TOKENS[slug]
        self.sent = 0

    # Writes

    def update(self, text: str) -> dict[str, Any]:
        """The provider's POST of one message."""
        number = self.installation.next_update()
        message = {
            "message_id": number,
            "date": int(self.installation.now()),
            "chat": {"id": self.number, "type": "private"},
            "from": {"id": self.number, "is_bot": False, "first_name": "Клиентка"},
            "text": text,
        }
        return {"update_id": number, "message": message}

    def deliver(self, update: dict[str, Any]) -> int:
        """Post an update as it is; the status of the answer."""
        path = hook("telegram", self.slug)
        return self.installation.post(path, update, **{"X-Telegram-Bot-Api-Secret-Token": SECRET}).status_code

    def says(self, text: str) -> int:
        """Post a new message, once, without a provider's patience."""
        self.sent += 1
        return self.deliver(self.update(text))

    def writes(self, text: str, **more: Any) -> None:
        """Write in the messenger, which posts it until the webhook takes it."""
        self.sent += 1
        self.installation.sandbox.say(self.token, text, client={"id": self.number, "first_name": "Клиентка"}, **more)

    def talks(self, *texts: str, until: str) -> None:
        """Say one thing after another, each after the answer to the one before, until the lead has that status."""
        for text in texts:
            self.says(text)
            self.installation.wait(f"no answer to {text!r}", self.is_answered, hurry=0.5)
            if self.status == until:
                return
        self.installation.wait(f"the lead is {self.status}, not {until}", lambda: self.status == until)

    def books(self, day: str, hour: int) -> None:
        self.talks(
            f"Хочу записаться на окрашивание к Ольге {day} в {hour}:00",
            "да",
            f"Анна, {self.phone}",
            "да, согласна",
            "да",
            until="booked",
        )

    # What came of it

    def _of(self, columns: str, rest: str = "") -> list[tuple]:
        return self.installation.sql(
            f"SELECT {columns} FROM {self.schema}.contacts_message m"
            f" JOIN {self.schema}.contacts_conversation c ON c.id = m.conversation_id"
            f" JOIN {self.schema}.contacts_identity i ON i.id = c.identity_id"
            f" LEFT JOIN {self.schema}.channels_app_delivery d ON d.message_id = m.id"
            f" WHERE i.external_id = %s {rest} ORDER BY m.id",
            str(self.number),
        )

    @property
    def said(self) -> list[str]:
        """The client's messages as they stand in the database."""
        return [row[0] for row in self._of("m.text", "AND m.author = 'client'")]

    @property
    def replies(self) -> list[tuple[str, str]]:
        """(text, state of its delivery) of what the business said."""
        return self._of("m.text, d.status", "AND m.author IN ('assistant', 'staff')")

    @property
    def got(self) -> list[str]:
        """Texts that reached the client in the messenger, oldest first."""
        rows = self.installation.sandbox.telegram(self.token, chat_id=self.number)
        return [row["message"]["text"] for row in rows if row["out"]]

    @property
    def leads(self) -> list[tuple[int, str]]:
        return self.installation.sql(
            f"SELECT l.id, l.status FROM {self.schema}.routing_lead l"
            f" JOIN {self.schema}.contacts_conversation c ON c.id = l.conversation_id"
            f" JOIN {self.schema}.contacts_identity i ON i.id = c.identity_id WHERE i.external_id = %s ORDER BY l.id",
            str(self.number),
        )

    @property
    def lead_id(self) -> int:
        [(lead_id, _)] = self.leads
        return lead_id

    @property
    def status(self) -> str:
        return self.leads[-1][1] if self.leads else ""

    def is_answered(self) -> bool:
        """Each message has its reply, and every reply has left."""
        replies = self.replies
        return len(self.said) == self.sent and len(replies) >= self.sent and {"sent"} >= {row[1] for row in replies}

    def check_handled_once(self) -> None:
        """One contact, one conversation, one lead; each message once; each reply once, in the messenger too."""
        assert len(self.said) == self.sent
        assert len(self.leads) == 1
        contacts = self.installation.number(
            f"SELECT count(*) FROM {self.schema}.contacts_identity WHERE external_id = %s", str(self.number)
        )
        assert contacts == 1
        replies = self.replies
        assert len(replies) == self.sent
        assert {state for _, state in replies} == {"sent"}
        assert self.got == [text for text, _ in replies]

    # The portal

    def cards(self) -> list[dict[str, Any]]:
        return self._in_portal("lead", f"{self.slug}-lead-{self.lead_id}")

    def contact_cards(self) -> list[dict[str, Any]]:
        [(contact_id,)] = self.installation.sql(
            f"SELECT contact_id FROM {self.schema}.routing_lead WHERE id = %s", self.lead_id
        )
        return self._in_portal("contact", f"{self.slug}-contact-{contact_id}")

    def deals(self) -> list[dict[str, Any]]:
        visits = self.installation.sql(
            f"SELECT id FROM {self.schema}.booking_appointment WHERE lead_id = %s AND status = 'booked'", self.lead_id
        )
        return [deal for (pk,) in visits for deal in self._in_portal("deal", f"{self.slug}-appointment-{pk}")]

    def tasks(self) -> list[dict[str, Any]]:
        rows = self.installation.sandbox.entities()["task"]
        return [row for row in rows if f"(№ {self.lead_id}-" in row["title"]]

    def _in_portal(self, kind: str, origin: str) -> list[dict[str, Any]]:
        return [row for row in self.installation.sandbox.entities()[kind] if row.get("originId") == origin]


def hook(kind: str, slug: str) -> str:
    return f"/hooks/{kind}/{slug}-{kind}/"


def _stat(pid: int) -> list[str]:
    """Fields of /proc/<pid>/stat from the state on; [] for a process that has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(pid: int) -> int:
    return int((_stat(pid) or ["", "0"])[1])


def state_of(pid: int) -> str:
    """T is stopped, R and S are alive, "" has gone."""
    return (_stat(pid) or [""])[0]


def _session(session: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (stat := _stat(int(entry))) and int(stat[3]) == session and stat[0] != "Z":
            found.append(int(entry))
    return found


_FURNISH = """
from django_tenants.utils import tenant_context
from channels_app.models import ChannelAccount
from crm.models import Connection
from tenants.models import HookKey, Tenant
from tests.world import make_businesses

told = {credentials}
make_businesses()
for tenant in Tenant.objects.filter(slug__in=told["tokens"]):
    with tenant_context(tenant):
        for account in ChannelAccount.objects.filter(kind__in=["telegram", "sms"]):
            if account.kind == "telegram":
                account.credentials = {{"token": told["tokens"][tenant.slug], "secret": told["secret"]}}
            else:
                account.credentials = {{"login": "vesna", "password": told["sms_password"]}}
            account.save()
        if tenant.slug == "vesna":
            Connection.objects.create(**{portal})
"""
