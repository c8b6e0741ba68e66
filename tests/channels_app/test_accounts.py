"""Connecting a channel: secrets kept, the hook's address made, the messenger told."""

from __future__ import annotations

import pytest
from django.db import connection

from channels_app import accounts, hooks
from channels_app.models import ChannelAccount, Notice
from tenants.models import HookKey

TOKEN = "123456789:AAtest_token-for_the_sandbox_bot"


@pytest.fixture
def bot(salon):
    account = ChannelAccount(kind="telegram", name="Новый бот", branch=salon.branch)
    return accounts.save_account(account, {"token": TOKEN})


def test_new_bot_gets_a_secret_and_an_address(bot, settings):
    settings.PUBLIC_URL = "https://leadhub.example"
    hook = HookKey.objects.get(account_id=bot.pk, kind="telegram", tenant__slug="vesna")
    assert hook.secret == bot.credentials["secret"]
    assert len(hook.secret) >= 32
    assert accounts.hook_url(bot) == f"https://leadhub.example/hooks/telegram/{hook.key}/"


def test_secrets_are_not_readable_in_the_database(bot):
    with connection.cursor() as cursor:
        cursor.execute("SELECT credentials FROM channels_app_channelaccount WHERE id = %s", [bot.pk])
        stored = cursor.fetchone()[0]
        cursor.execute(
            "SELECT secret FROM public.tenants_hookkey WHERE account_id = %s AND kind = 'telegram'", [bot.pk]
        )
        secret = cursor.fetchone()[0]
    assert TOKEN not in stored
    assert bot.credentials["secret"] not in secret


def test_blank_field_keeps_what_was_there(bot):
    accounts.save_account(bot, {"token": "", "secret": "  "})
    bot.refresh_from_db()
    assert bot.credentials["token"] == TOKEN
    assert bot.credentials["secret"]


def test_saving_again_keeps_the_address(bot):
    before = accounts.hook_url(bot)
    accounts.save_account(bot)
    assert accounts.hook_url(bot) == before


def test_switching_off_closes_the_address_at_once(bot, django_capture_on_commit_callbacks):
    key = HookKey.objects.get(account_id=bot.pk, kind="telegram").key
    hooks.forget()
    assert hooks.find("telegram", key).is_enabled
    bot.is_active = False
    with django_capture_on_commit_callbacks(execute=True):
        accounts.save_account(bot)
    assert not hooks.find("telegram", key).is_enabled


def test_sms_gateway_takes_nothing_in(salon):
    account = accounts.save_account(ChannelAccount(kind="sms", name="Шлюз"), {"login": "a", "password": "b"})
    assert accounts.hook_url(account) == ""


def test_messenger_is_told_where_to_post(bot, sandbox, clock, settings):
    settings.PUBLIC_URL = "http://localhost:9"
    sandbox.post("telegram/bots", token=TOKEN)
    clock.settle()
    (call,) = [call for call in sandbox.log("telegram") if call["method"].lower() == "setwebhook"]
    assert call["body"]["url"] == accounts.hook_url(bot)
    assert call["body"]["secret_token"] == bot.credentials["secret"]
    assert "callback_query" in call["body"]["allowed_updates"]


def test_wrong_token_is_seen_by_the_owner_and_mended(bot, sandbox, clock, settings):
    settings.PUBLIC_URL = "http://localhost:9"
    sandbox.post("telegram/bots", token=TOKEN, revoked=True)
    clock.settle()
    bot.refresh_from_db()
    assert "токен" in bot.paused_reason
    assert Notice.objects.filter(kind="failure", staff__role="owner").exists()
    sandbox.post("telegram/bots", token=TOKEN, revoked=False)
    accounts.save_account(bot, {"token": TOKEN})
    clock.settle()
    bot.refresh_from_db()
    assert bot.paused_reason == ""


def test_address_the_messenger_will_not_take_is_seen(bot, sandbox, clock, settings):
    settings.PUBLIC_URL = "http://leadhub.example"
    sandbox.post("telegram/bots", token=TOKEN)
    clock.settle()
    bot.refresh_from_db()
    assert "HTTPS" in bot.paused_reason
