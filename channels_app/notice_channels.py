"""Where a notice can leave by, one small class each. A new one joins by a name in `NoticeChannel` and a class here."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.core.mail import send_mail
from django.db import connection

from channels_app import adapters, outbound, webpush
from channels_app.adapters import AccountBroken, ClientUnreachable, Rejected
from channels_app.models import ChannelAccount
from channels_app.notice_words import Words
from contacts.phones import normalize
from leadhub.work import TryLater
from tenants.access import member_of
from tenants.business.models import StaffMember
from tenants.business.preferences import NoticeChannel
from tenants.models import ChannelKind, PushSubscription, Tenant

logger = logging.getLogger(__name__)

LONGEST_SMS = 134  # characters: two parts of Cyrillic
URGENT_LIVES = timedelta(minutes=5)  # a push for a device that is off
OTHERS_LIVE = timedelta(hours=12)
TOKEN_LIVES = 12 * 60 * 60  # seconds in which a push's buttons work
_SALT = "channels_app.notice_token"


@dataclass(frozen=True)
class Sent:
    """What the provider said. `account`: the business's own account that it left by."""

    id: str
    account: int | None = None


class Channel:
    """One way to a person."""

    name: str

    def is_ready(self, staff: StaffMember) -> bool:
        """Whether this person can be reached so at all: connected, and known here."""
        raise NotImplementedError

    def send(self, staff: StaffMember, words: Words, *, key: str, again: bool, now: datetime) -> Sent:
        """Deliver one message. `key` is ours: the same one is the same message; `again`: it may have left already, the
        provider's answer was lost.

        Raises ClientUnreachable, AccountBroken, Rejected (all: another channel), TryLater."""
        raise NotImplementedError


class Push(Channel):
    """Every browser in which the person pressed «Включить»; one that took it is enough."""

    name = NoticeChannel.PUSH

    def is_ready(self, staff: StaffMember) -> bool:
        return webpush.is_offered() and _is_member(staff) and _subscriptions(staff).exists()

    def send(self, staff: StaffMember, words: Words, *, key: str, again: bool, now: datetime) -> Sent:
        payload = json.dumps(_pushed(words), ensure_ascii=False).encode()
        told, trouble = [], None
        for found in _subscriptions(staff):
            try:
                told.append(
                    webpush.send(
                        found.subscription,
                        payload,
                        ttl=URGENT_LIVES if words.is_urgent else OTHERS_LIVE,
                        is_urgent=words.is_urgent,
                        topic=words.topic,
                    )
                )
            except ClientUnreachable:
                found.delete()
                continue
            except (AccountBroken, Rejected, TryLater) as error:
                logger.info("push subscription %s failed: %s", found.pk, type(error).__name__)
                PushSubscription.objects.filter(pk=found.pk).update(failed_at=now)
                trouble = error
                continue
            if found.failed_at:
                PushSubscription.objects.filter(pk=found.pk).update(failed_at=None)
        if told:
            return Sent(told[0])
        raise trouble or ClientUnreachable("браузеры больше не подписаны")


class Telegram(Channel):
    """The business's own bot, once the person pressed «Start» in it."""

    name = NoticeChannel.TELEGRAM

    def is_ready(self, staff: StaffMember) -> bool:
        return bool(staff.telegram_chat_id) and bot_account() is not None

    def send(self, staff: StaffMember, words: Words, *, key: str, again: bool, now: datetime) -> Sent:
        account = bot_account()
        if account is None:
            raise Rejected("бот отключён")
        try:
            number = adapters.Telegram(account.credentials).send_notice(
                staff.telegram_chat_id, words.full, words.buttons
            )
        except ClientUnreachable:
            raise ClientUnreachable("сотрудник заблокировал бота или удалил чат") from None
        return Sent(number, account.pk)


class Sms(Channel):
    """The business's own gateway: no buttons, no link, two parts at most."""

    name = NoticeChannel.SMS

    def is_ready(self, staff: StaffMember) -> bool:
        return bool(normalize(staff.phone)) and outbound.sms_account() is not None

    def send(self, staff: StaffMember, words: Words, *, key: str, again: bool, now: datetime) -> Sent:
        account = outbound.sms_account()
        if account is None or account.paused_reason:
            raise Rejected("СМС отключены")
        gateway, phone, text = adapters.of(account), normalize(staff.phone), words.short
        text = text if len(text) <= LONGEST_SMS else f"{text[: LONGEST_SMS - 1]}…"
        found = gateway.find_sent(phone, key=key) if again else None
        return Sent(found or gateway.send(phone, text, key=key), account.pk)


class Email(Channel):
    """The address that the person signs in with. A console is no mail: then it is not offered."""

    name = NoticeChannel.EMAIL

    def is_ready(self, staff: StaffMember) -> bool:
        return is_mail_set_up() and _is_member(staff)

    def send(self, staff: StaffMember, words: Words, *, key: str, again: bool, now: datetime) -> Sent:
        try:
            send_mail(words.title[:200], words.full, settings.DEFAULT_FROM_EMAIL, [staff.user.email])
        except OSError as error:  # SMTP's own errors are among them
            raise TryLater(f"mail server: {type(error).__name__}") from None
        return Sent("")


_channels: dict[str, Channel] = {}


def register(channel: Channel) -> None:
    _channels[channel.name] = channel


for _channel in (Push(), Telegram(), Sms(), Email()):
    register(_channel)


def named(name: str) -> Channel | None:
    """The channel of that name; None: this installation has none."""
    return _channels.get(name)


def is_mail_set_up() -> bool:
    return not settings.EMAIL_BACKEND.endswith((".console.EmailBackend", ".dummy.EmailBackend"))


def bot_account() -> ChannelAccount | None:
    """The bot that writes to the staff: the business's first one that works."""
    bots = ChannelAccount.objects.filter(kind=ChannelKind.TELEGRAM, is_active=True, paused_reason="")
    return bots.order_by("pk").first()


def business() -> Tenant:
    return Tenant.objects.get(schema_name=connection.schema_name)


def root_url() -> str:
    """Address of the current business, ends with a slash."""
    return f"{settings.PUBLIC_URL}/t/{business().slug}/"


def _is_member(staff: StaffMember) -> bool:
    """The person may still enter the business: who was let go is told nothing more."""
    return staff.user is not None and member_of(business(), staff.user) is not None


def _subscriptions(staff: StaffMember) -> Any:
    rows = PushSubscription.objects.filter(tenant__schema_name=connection.schema_name, user_id=staff.user_id)
    return rows.order_by("pk")


# --- What a browser shows, and how it answers ------------------------------------------------------------------------


def _pushed(words: Words) -> dict[str, Any]:
    """What the service worker gets. Its buttons answer with the token: a page's session is not at hand there."""
    line = words.lines[0] if len(words.lines) == 1 else None
    return {
        "title": words.title[:120],
        "body": "" if line else "\n".join(shown.text for shown in words.lines)[:400],
        "url": words.link,
        "tag": words.topic,
        "urgent": words.is_urgent,
        "token": token_of(words.lines[0].notice_id),
        "actions": [
            *([{"action": "take", "title": "Взять"}] if line and line.may_take else []),
            *([{"action": "decline", "title": "Не могу"}] if line and line.may_decline else []),
        ],
    }


def token_of(notice_id: int) -> str:
    """Lets whoever was shown the notice answer it, once, without a session."""
    return signing.dumps({"schema": connection.schema_name, "notice": notice_id}, salt=_SALT)


def read_token(token: str) -> int | None:
    """Number of the notice; None: not ours, of another business, or too old."""
    try:
        told: Mapping[str, Any] = signing.loads(token, salt=_SALT, max_age=TOKEN_LIVES)
    except signing.BadSignature:
        return None
    return told["notice"] if told["schema"] == connection.schema_name else None
