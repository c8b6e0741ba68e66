"""Doorbells of this room: each names a verb."""

from __future__ import annotations

from datetime import datetime

from channels_app import accounts, inbound, notice_sending, notices, outbound, staff_bot
from leadhub.work import handler


@handler(outbound.HANDLER, kind="outside", max_attempts=200)  # it gives up by age, visibly, not by a count
def deliver(delivery_id: int, *, now: datetime) -> None:
    outbound.deliver(delivery_id, now=now)


@handler("channels.answer_press", kind="outside")
def answer_press(account_id: int, callback_id: str, word: str = "", *, now: datetime) -> None:
    inbound.answer_press(account_id, callback_id, word)


@handler("channels.connect", kind="outside")
def connect(account_id: int, *, now: datetime) -> None:
    accounts.connect_by_id(account_id, now=now)


@handler(notices.TELL, kind="outside", max_attempts=200)  # it gives up by age, as above
def tell(staff_id: int, *, now: datetime) -> None:
    notice_sending.tell(staff_id, now=now)


@handler(notice_sending.GO_ON, kind="outside", max_attempts=200)
def go_on(batch: int, *, now: datetime) -> None:
    notice_sending.go_on(batch, now=now)


@handler(notices.SHOW_OUTCOME, kind="outside")
def show_outcome(batch: int, *, now: datetime) -> None:
    notice_sending.show_outcome(batch, now=now)


@handler(notice_sending.TAKE_BACK, kind="outside")
def take_back(batch: int, *, now: datetime) -> None:
    notice_sending.take_back(batch, now=now)


@handler(staff_bot.SAY, kind="outside")
def say(account_id: int, chat_id: str, word: str, *, now: datetime) -> None:
    staff_bot.say(account_id, chat_id, word)
