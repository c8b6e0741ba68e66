"""Posts to the real endpoint, and what became of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from channels_app import hooks, inbound, outbound
from channels_app.models import ChannelAccount, Delivery, InboundEvent
from contacts.incoming import Incoming
from contacts.models import Message
from contacts.receiving import receive
from leadhub.work.models import DueWork
from sandbox.testing import SandboxProcess
from tests.world import Business


@pytest.fixture(autouse=True)
def forgetful():
    """No key is remembered from another test."""
    hooks.forget()
    yield
    hooks.forget()


class Door:
    """One business's webhook addresses."""

    def __init__(self, business: Business) -> None:
        self.business = business
        self.browser = Client(raise_request_exception=False)
        self.last_update = 1000

    def post(self, kind: str, body: Any, *, key: str = "", content_type: str = "application/json", **headers: str):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if kind == "telegram":
            headers = {"X-Telegram-Bot-Api-Secret-Token": "s3cret", **headers}
        path = f"/hooks/{kind}/{key or f'{self.business.tenant.slug}-{kind}'}/"
        return self.browser.generic("POST", path, raw, content_type=content_type, headers=headers)

    def update(self, **content: Any) -> dict[str, Any]:
        """A Telegram update with the next number."""
        self.last_update += 1
        return {"update_id": self.last_update, **content}

    def says(self, text: Any, *, user: int = 77, message_id: int | None = None, **message: Any):
        """A client writes to the bot; the answer of the endpoint."""
        person = {"id": user, "is_bot": False, "first_name": "Ирина"}
        told = {
            "message_id": message_id or self.last_update,
            "date": 1795590000,
            "chat": {"id": user, "type": "private", "first_name": "Ирина"},
            "from": person,
            "text": text,
        }
        return self.post("telegram", self.update(message=told | message))

    @property
    def events(self) -> list[InboundEvent]:
        return list(InboundEvent.objects.order_by("id"))

    def owed(self) -> list[int]:
        """Events whose reading is owed."""
        rows = DueWork.objects.filter(handler="inbound", schema=self.business.tenant.schema_name)
        return sorted(row.ids[0] for row in rows)

    def take_in(self) -> list:
        """Read what was stored, as the pipeline does; the messages."""
        return [
            message for event_id in self.owed() for message in inbound.take_in(event_id, now=self.business.clock.now())
        ]

    def account(self, kind: str) -> ChannelAccount:
        return ChannelAccount.objects.get(kind=kind)


@pytest.fixture
def door(salon: Business) -> Door:
    return Door(salon)


@pytest.fixture(scope="session")
def sandbox_process(tmp_path_factory):
    with SandboxProcess(tmp_path_factory.mktemp("sandbox")) as process:
        yield process


@pytest.fixture
def sandbox(sandbox_process, settings):
    """The messenger and the SMS gateway as another process; our settings point at it."""
    sandbox_process.reset()
    sandbox_process.clear_faults()
    settings.TELEGRAM_API_URL = f"{sandbox_process.url}/telegram"
    settings.SMSC_API_URL = f"{sandbox_process.url}/smsc"
    sandbox_process.post("sms/account", login="vesna", psw="sms-pass")
    return sandbox_process


class Talk:
    """A client in a conversation with the salon, and what the outside got from us."""

    def __init__(self, salon: Business, sandbox: SandboxProcess, kind: str, who: str) -> None:
        self.salon, self.sandbox, self.kind, self.who = salon, sandbox, kind, who
        self.account = ChannelAccount.objects.get(kind=kind)
        self._number = 0
        if kind == "telegram":
            sandbox.post("telegram/bots", token=self.token)
            sandbox.say(self.token, "Здравствуйте", client=int(who))
        self.conversation = self.writes("Здравствуйте").conversation

    @property
    def token(self) -> str:
        return self.account.credentials["token"]

    def writes(self, text: str) -> Message:
        self._number += 1
        phone = self.who if self.kind == "form" else ""
        incoming = Incoming("message", self.who, f"m{self._number}", text=text, phone=phone)
        return receive(self.account, incoming, event_id=self._number, now=self.salon.clock.now())

    def queue(
        self, text: str = "Ждём вас завтра", *, key: str = "", by_assistant: bool = True, **more: Any
    ) -> Delivery:
        key = key or f"key-{Delivery.objects.count()}"
        self.conversation.refresh_from_db()
        return outbound.queue(
            self.conversation, text, key=key, by_assistant=by_assistant, now=self.salon.clock.now(), **more
        )

    @property
    def got(self) -> list[str]:
        """What reached the client in the messenger."""
        messages = self.sandbox.telegram(self.token, chat_id=int(self.who))
        return [row["message"]["text"] for row in messages if row["out"]]

    @property
    def sms(self) -> list[tuple[str, str]]:
        return [(row["phone"], row["text"]) for row in self.sandbox.sms()]


@pytest.fixture
def talk(salon: Business, sandbox: SandboxProcess) -> Talk:
    return Talk(salon, sandbox, "telegram", "700000077")


@pytest.fixture
def form_talk(salon: Business, sandbox: SandboxProcess) -> Talk:
    return Talk(salon, sandbox, "form", "+79000000001")


@pytest.fixture
def chat_talk(salon: Business, sandbox: SandboxProcess) -> Talk:
    return Talk(salon, sandbox, "webchat", "visitor-hash")
