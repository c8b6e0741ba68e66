"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from channels_app import accounts, inbound, outbound
from leadhub.work import handler


@handler(outbound.HANDLER, kind="outside", max_attempts=200)  # it gives up by age, visibly, not by a count
def deliver(delivery_id: int, *, now: datetime) -> None:
    outbound.deliver(delivery_id, now=now)


@handler("channels.answer_press", kind="outside")
def answer_press(account_id: int, callback_id: str, *, now: datetime) -> None:
    inbound.answer_press(account_id, callback_id)


@handler("channels.connect", kind="outside")
def connect(account_id: int, *, now: datetime) -> None:
    accounts.connect_by_id(account_id, now=now)
