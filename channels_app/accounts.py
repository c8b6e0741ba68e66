"""Connect a channel: its account, its encrypted credentials, and the address where its posts arrive."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import connection, transaction

from channels_app import adapters, hooks, outbound
from channels_app.models import ChannelAccount
from leadhub.work import TryLater, later
from tenants.models import ChannelKind, HookKey, Tenant

_WITHOUT_HOOK = {ChannelKind.SMS, ChannelKind.EMAIL}


@transaction.atomic
def save_account(account: ChannelAccount, credentials: Mapping[str, str] | None = None) -> ChannelAccount:
    """Save an account with its credentials and the address of its posts; a bot's webhook is set right after.

    Blank values of `credentials` keep what was there, for the form never shows it. A mended account goes on sending."""
    told = {name: value.strip() for name, value in (credentials or {}).items() if value and value.strip()}
    account.credentials = {**account.credentials, **told}
    if account.kind == ChannelKind.TELEGRAM and not account.credentials.get("secret"):
        account.credentials["secret"] = secrets.token_urlsafe(32)
    account.save()
    if account.kind not in _WITHOUT_HOOK:
        _save_hook(account)
    if told and account.paused_reason:
        outbound.resume(account)
    if account.kind == ChannelKind.TELEGRAM and account.is_active and account.credentials.get("token"):
        later("channels.connect", account.pk)
    return account


def _save_hook(account: ChannelAccount) -> HookKey:
    tenant = Tenant.objects.get(schema_name=connection.schema_name)
    hook, _ = HookKey.objects.update_or_create(
        tenant=tenant,
        kind=account.kind,
        account_id=account.pk,
        defaults={"secret": account.credentials.get("secret", ""), "is_enabled": account.is_active},
    )
    transaction.on_commit(lambda: hooks.forget(hook.key))
    return hook


def hook_url(account: ChannelAccount) -> str:
    """Where the provider must post to; "" for an account that takes nothing in."""
    hook = HookKey.objects.filter(
        tenant__schema_name=connection.schema_name, kind=account.kind, account_id=account.pk
    ).first()
    return f"{settings.PUBLIC_URL}/hooks/{hook.kind}/{hook.key}/" if hook else ""


def connect(account: ChannelAccount) -> None:
    """Tell Telegram where to post this bot's updates, and under which secret. Other kinds need nothing.

    Raises AccountBroken (a wrong token), Rejected (the address will not do), TryLater."""
    adapter = adapters.of(account)
    if isinstance(adapter, adapters.Telegram):
        adapter.set_webhook(hook_url(account), account.credentials["secret"])


def connect_by_id(account_id: int, *, now: datetime) -> None:
    """Due work: connect, or pause the account with the reason for its owner to see."""
    account = ChannelAccount.objects.filter(pk=account_id, is_active=True).first()
    if account is None:
        return
    try:
        connect(account)
    except TryLater:
        raise
    except (adapters.AccountBroken, adapters.Rejected, adapters.ClientUnreachable) as error:
        outbound.pause(account, str(error), now=now)
    else:
        if account.paused_reason:
            outbound.resume(account)
