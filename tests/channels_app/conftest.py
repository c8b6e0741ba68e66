"""Posts to the real endpoint, and what became of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from channels_app import hooks, inbound
from channels_app.models import ChannelAccount, InboundEvent
from leadhub.work.models import DueWork
from tests.world import Business


@pytest.fixture(autouse=True)
def forgetful():
    """No key and no count is remembered from another test."""
    hooks.forget()
    cache.clear()
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
