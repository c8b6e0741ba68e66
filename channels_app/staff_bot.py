"""The business's Telegram bot as its own people meet it: linking a person's chat, and the buttons under notices.

A staff chat is no client's: what is written in it makes no lead. Here the database is all that is touched; what the
person reads is due work.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction

from channels_app import adapters
from channels_app.models import ChannelAccount, Notice
from channels_app.notice_channels import bot_account
from channels_app.notice_words import BUTTON
from contacts.incoming import Incoming
from leadhub.work import later
from tenants.business.models import StaffMember
from tenants.models import ChannelKind

ANSWERED = "routing.notice_answered"  # (notice, answer, account, callback): the room of leads knows what it means
SAY = "channels.staff_say"
START = "/start staff-"
CODE_LIVES = timedelta(hours=1)
WORDS = {
    "linked": "Готово: уведомления о заявках будут приходить сюда. Что и когда присылать, выбирают на странице"
    " «Уведомления».",
    "stale": "Эта ссылка устарела или уже использована. Откройте страницу «Уведомления» и подключите Telegram заново.",
    "work": "Это рабочий чат: сюда приходят уведомления о заявках. Клиентам отвечают в разделе «Заявки».",
    "gone": "Уведомление больше не действует.",
}


# --- Linking ---------------------------------------------------------------------------------------------------------


def link_address(staff: StaffMember, *, now: datetime) -> str:
    """Where the person presses «Start»: works once, for an hour; an earlier address works no more.

    Asks Telegram for the bot's name once. Raises LookupError (no bot is connected), and what adapters raise."""
    account = bot_account()
    if account is None:
        raise LookupError("no bot is connected")
    name = account.credentials.get("username") or _learn_name(account)
    code = secrets.token_urlsafe(16)
    StaffMember.objects.filter(pk=staff.pk).update(telegram_code=_hash(code), telegram_code_until=now + CODE_LIVES)
    return f"https://t.me/{name}?start=staff-{code}"


def _learn_name(account: ChannelAccount) -> str:
    name = adapters.Telegram(account.credentials).username()
    account.credentials = {**account.credentials, "username": name}
    account.save(update_fields=["credentials"])
    return name


def unlink(staff: StaffMember) -> None:
    StaffMember.objects.filter(pk=staff.pk).update(telegram_chat_id="", telegram_code="", telegram_code_until=None)


def _link(account: ChannelAccount, chat_id: str, code: str, *, now: datetime) -> str:
    """The person whose code it is gets notices in this chat; the word for that person."""
    found = StaffMember.objects.select_for_update().filter(telegram_code=_hash(code), is_active=True).first()
    if found is None or found.telegram_code_until is None or found.telegram_code_until < now:
        return "stale"
    StaffMember.objects.filter(telegram_chat_id=chat_id).exclude(pk=found.pk).update(telegram_chat_id="")
    StaffMember.objects.filter(pk=found.pk).update(telegram_chat_id=chat_id, telegram_code="", telegram_code_until=None)
    return "linked"


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()


# --- What comes from a staff chat ------------------------------------------------------------------------------------


def takes(account: ChannelAccount, item: Incoming, chats: Collection[str]) -> bool:
    """Whether this is our own people's and not a client's. `chats`: those linked to somebody of the staff."""
    if account.kind != ChannelKind.TELEGRAM:
        return False
    return item.kind == "staff" or item.external_user_id in chats or _is_linking(item)


def _is_linking(item: Incoming) -> bool:
    return item.kind == "start" and item.text.startswith(START)


@transaction.atomic(savepoint=False)
def take_in(account: ChannelAccount, item: Incoming, *, now: datetime) -> None:
    """Do what our own person asked for."""
    chat_id = item.external_user_id
    if item.kind == "staff":
        _pressed(account, item)
    elif _is_linking(item):
        _say(account, chat_id, _link(account, chat_id, item.text.removeprefix(START).strip(), now=now))
    elif item.is_words:
        _say(account, chat_id, "work")


def _pressed(account: ChannelAccount, item: Incoming) -> None:
    """A button under a notice; only the person who was told may press it."""
    _, answer, number = (item.text.split("|") + ["", ""])[:3]
    found = None
    if item.text.startswith(f"{BUTTON}|") and answer in Notice.Answer.values and number.isdecimal():
        mine = Notice.objects.filter(staff__telegram_chat_id=item.external_user_id, staff__is_active=True)
        found = mine.filter(pk=int(number)).first() if len(number) < 18 else None
    if found is None or not item.external_user_id:
        later("channels.answer_press", account.pk, item.callback_id, "gone")
        return
    later(ANSWERED, found.pk, answer, account.pk, item.callback_id)


def _say(account: ChannelAccount, chat_id: str, word: str) -> None:
    later(SAY, account.pk, chat_id, word, key=f"{account.pk}-{chat_id}")


def say(account_id: int, chat_id: str, word: str) -> None:
    """Due work: a fixed word to a staff chat. Raises TryLater."""
    account = ChannelAccount.objects.filter(pk=account_id, is_active=True).first()
    if account is None:
        return
    try:
        adapters.Telegram(account.credentials).send_notice(chat_id, WORDS[word], [])
    except (adapters.ClientUnreachable, adapters.AccountBroken, adapters.Rejected):
        return


def outcome_of(word: str) -> str:
    """What the pressed button says for a moment: a fixed word, or what came of the notice of that number."""
    if not word.isdecimal():
        return WORDS[word]
    found = Notice.objects.filter(pk=int(word)).values_list("outcome", flat=True).first()
    return found or WORDS["gone"]
