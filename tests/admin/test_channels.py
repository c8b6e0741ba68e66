"""Channels in the owner's admin: credentials go in and never come out; what failed is tried again."""

from __future__ import annotations

import pytest

from channels_app.models import ChannelAccount, Delivery, InboundEvent
from crm.models import Connection, Link
from leadhub.work.models import DueWork
from tenants.models import HookKey
from tests.admin.conftest import page

TOKEN = "7654321:AAH-new-token-of-the-bot-0123456789"
ACCOUNTS = "admin/channels_app/channelaccount/"


def owed(handler):
    return DueWork.objects.filter(handler=handler)


def test_new_account_gets_its_address_and_its_bot_is_connected(salon, save, owner):
    answer = save(salon.url(ACCOUNTS + "add/"), kind="telegram", name="Второй бот", telegram_token=TOKEN)
    assert answer.status_code == 302

    account = ChannelAccount.objects.get(name="Второй бот")
    hook = HookKey.objects.get(tenant=salon.tenant, account_id=account.pk)
    assert account.credentials["token"] == TOKEN
    assert hook.secret == account.credentials["secret"]
    assert owed("channels.connect").filter(ids=[account.pk], schema=salon.tenant.schema_name).exists()
    html = page(owner.get(salon.url(f"{ACCOUNTS}{account.pk}/change/")))
    assert f"/hooks/telegram/{hook.key}/" in html


def test_bot_without_a_token_is_refused_beside_the_field(salon, save):
    answer = save(salon.url(ACCOUNTS + "add/"), kind="telegram", name="Бот")

    assert answer.context["adminform"].form.errors.keys() == {"telegram_token"}


def test_sms_needs_a_key_or_a_login_with_its_password(salon, save):
    url = salon.url(ACCOUNTS + "add/")

    assert "Нужен ключ API или логин с паролем" in page(save(url, kind="sms", name="СМС 2", sms_login="vesna"))
    assert save(url, kind="sms", name="СМС 2", sms_apikey="key-1").status_code == 302
    account = ChannelAccount.objects.get(name="СМС 2")
    assert account.credentials == {"apikey": "key-1"}
    assert not HookKey.objects.filter(account_id=account.pk, tenant=salon.tenant).exists()


def test_webchat_gets_a_code_to_embed(salon, save, owner):
    save(salon.url(ACCOUNTS + "add/"), kind="webchat", name="Чат 2", allowed_origins="https://vesna.ru/\nhttps://b.ru")

    account = ChannelAccount.objects.get(name="Чат 2")
    assert account.allowed_origins == ["https://vesna.ru", "https://b.ru"]
    key = HookKey.objects.get(account_id=account.pk, tenant=salon.tenant).key
    html = page(owner.get(salon.url(f"{ACCOUNTS}{account.pk}/change/")))
    assert f"data-key=&quot;{key}&quot;" in html


def test_site_that_is_no_address_is_refused(salon, save):
    answer = save(salon.url(ACCOUNTS + "add/"), kind="webchat", name="Чат 2", allowed_origins="vesna.ru")

    assert "Исправьте: vesna.ru" in page(answer)


def test_saving_without_credentials_keeps_them(salon, save):
    account = ChannelAccount.objects.get(kind="telegram")
    before = dict(account.credentials)

    assert save(salon.url(f"{ACCOUNTS}{account.pk}/change/"), name="Бот Весны").status_code == 302

    account.refresh_from_db()
    assert account.name == "Бот Весны"
    assert account.credentials == before


def test_credentials_never_appear_in_any_page(salon, owner, agent, root):
    secrets = {
        str(value)
        for account in ChannelAccount.objects.all()
        for name, value in account.credentials.items()
        if name not in ("login", "sender")
    }
    assert len(secrets) == 3
    Connection.objects.create(domain="vesna.bitrix24.ru", webhook_token="1/b24-very-secret")
    salon.post("telegram", "Здравствуйте")
    InboundEvent.objects.update(body=b'{"apikey": "s3cret", "text": "sms-pass"}')
    secrets.add("b24-very-secret")
    pages = [page(owner.get(salon.url(ACCOUNTS)))]
    pages += [
        page(owner.get(salon.url(f"{ACCOUNTS}{account.pk}/change/")))
        + page(owner.get(salon.url(f"{ACCOUNTS}{account.pk}/history/")))
        for account in ChannelAccount.objects.all()
    ]
    event = InboundEvent.objects.get()
    pages.append(
        page(owner.get(salon.url(f"admin/channels_app/inboundevent/{event.pk}/change/"))).replace("sms-pass", "")
    )
    pages.append(page(owner.get(salon.url("admin/crm/connection/"), follow=True)))
    for hook in HookKey.objects.all():
        pages.append(page(root.get(f"/admin/tenants/hookkey/{hook.pk}/change/")))
    pages += [page(browser.get("/admin/tenants/hookkey/")) for browser in (agent, root)]

    for html in pages:
        for secret in secrets:
            assert secret not in html


def test_wrong_form_does_not_echo_the_typed_secret(salon, save):
    answer = save(salon.url(ACCOUNTS + "add/"), kind="telegram", name="", telegram_token=TOKEN)

    assert TOKEN not in page(answer)


def test_journal_names_the_changed_secret_and_not_its_value(salon, save, owner):
    account = ChannelAccount.objects.get(kind="telegram")

    save(salon.url(f"{ACCOUNTS}{account.pk}/change/"), telegram_token=TOKEN)

    html = page(owner.get(salon.url("admin/admin/logentry/")))
    assert "Токен бота" in html
    assert TOKEN not in html


def test_paused_account_shows_why_and_is_resumed(salon, save, owner):
    account = ChannelAccount.objects.get(kind="telegram")
    salon.receives("telegram", "Сколько стоит маникюр?", settle=False)
    ChannelAccount.objects.filter(pk=account.pk).update(paused_reason="токен отозван")
    url = salon.url(f"{ACCOUNTS}{account.pk}/change/")
    assert "токен отозван" in page(owner.get(url))

    save(url, channels_app_channelaccount_resume="1")

    account.refresh_from_db()
    assert account.paused_reason == ""
    assert "channelaccount_resume" not in page(owner.get(url))


def test_kind_of_an_account_cannot_be_changed_by_a_forged_post(salon, save):
    account = ChannelAccount.objects.get(kind="webchat")

    save(salon.url(f"{ACCOUNTS}{account.pk}/change/"), kind="telegram", telegram_token=TOKEN)

    account.refresh_from_db()
    assert account.kind == "webchat"
    assert account.credentials == {}


def test_deleted_account_takes_its_address_along(salon, owner):
    account = ChannelAccount.objects.get(kind="form")

    owner.post(salon.url(f"{ACCOUNTS}{account.pk}/delete/"), {"post": "yes"})

    assert not ChannelAccount.objects.filter(kind="form").exists()
    assert not HookKey.objects.filter(tenant=salon.tenant, kind="form").exists()
    assert HookKey.objects.filter(kind="form").count() == 1  # the neighbour's


# --- What came in, what went out ---


@pytest.fixture
def broken_event(salon):
    account = ChannelAccount.objects.get(kind="telegram")
    return InboundEvent.objects.create(
        account=account,
        event_key="k1",
        body=b"\x00\xff<script>alert(1)</script>",
        status=InboundEvent.Status.BROKEN,
        error="не JSON",
        received_at=salon.clock.now(),
    )


def test_body_of_a_post_is_shown_as_text(salon, owner, broken_event):
    html = page(owner.get(salon.url(f"admin/channels_app/inboundevent/{broken_event.pk}/change/")))

    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert(1)" not in html


def test_broken_post_is_read_again_and_a_done_one_is_not(salon, owner, broken_event):
    salon.receives("telegram", "Здравствуйте")
    done = InboundEvent.objects.get(status=InboundEvent.Status.DONE)

    owner.post(
        salon.url("admin/channels_app/inboundevent/"),
        {"action": "read_again", "_selected_action": [broken_event.pk, done.pk]},
    )

    broken_event.refresh_from_db()
    done.refresh_from_db()
    assert broken_event.status == InboundEvent.Status.NEW
    assert done.status == InboundEvent.Status.DONE
    assert list(owed("inbound").values_list("ids", flat=True)) == [[broken_event.pk]]
    salon.clock.settle()
    broken_event.refresh_from_db()
    assert broken_event.status == InboundEvent.Status.BROKEN


def test_failed_delivery_is_sent_again_and_the_others_stay(salon, owner):
    account = ChannelAccount.objects.get(kind="sms")
    rows = {
        status: Delivery.objects.create(
            key=status, account=account, to="+79990000001", text="Ждём вас", status=status, created_at=salon.clock.now()
        )
        for status in ("failed", "sent", "cancelled")
    }

    owner.post(
        salon.url("admin/channels_app/delivery/"),
        {"action": "send_again", "_selected_action": [row.pk for row in rows.values()]},
    )

    for row in rows.values():
        row.refresh_from_db()
    assert [row.status for row in rows.values()] == ["queued", "sent", "cancelled"]
    assert list(owed("channels.deliver").values_list("ids", flat=True)) == [[rows["failed"].pk]]


def test_deliveries_are_filtered_by_state(salon, owner):
    account = ChannelAccount.objects.get(kind="sms")
    for status, text in (("failed", "Не дошло до вас"), ("sent", "Дошло до вас")):
        Delivery.objects.create(
            key=status, account=account, to="+7999", text=text, status=status, created_at=salon.clock.now()
        )

    html = page(owner.get(salon.url("admin/channels_app/delivery/") + "?status__exact=failed"))

    assert "Не дошло до вас" in html
    assert ">Дошло до вас" not in html


# --- Bitrix24 ---


def test_portal_is_connected_by_its_webhook_address(salon, save, owner):
    url = salon.url("admin/crm/connection/add/")

    assert "выглядит так" in page(save(url, webhook="salon.bitrix24.ru"))
    assert "Без адреса вебхука" in page(save(url, webhook=""))
    answer = save(url, webhook="https://salon.bitrix24.ru/rest/7/abcdef123456/")

    found = Connection.objects.get()
    assert (found.domain, found.webhook_token) == ("salon.bitrix24.ru", "7/abcdef123456")
    assert answer["Location"] == salon.url(f"admin/crm/connection/{found.pk}/check/")
    assert owner.get(url).status_code == 403  # there is one portal
    save(salon.url(f"admin/crm/connection/{found.pk}/change/"), default_user_id="5")
    found.refresh_from_db()
    assert (found.webhook_token, found.default_user_id) == ("7/abcdef123456", 5)


def test_check_of_the_portal_tells_its_findings(salon, owner, monkeypatch):
    found = Connection.objects.create(domain="vesna.bitrix24.ru", webhook_token="1/key")
    monkeypatch.setattr("crm.checking.check", lambda connection, now: [f"Подключено: {connection.domain}."])
    url = salon.url(f"admin/crm/connection/{found.pk}/check/")

    assert "Подключено" not in page(owner.get(url))
    assert "Подключено: vesna.bitrix24.ru." in page(owner.post(url))


def test_failed_card_is_sent_again(salon, owner):
    lead = salon.receives("telegram", "Сколько стоит маникюр?")
    DueWork.objects.filter(handler="crm.push_lead").delete()
    link = Link.objects.create(kind="lead", local_id=lead.pk, error="поле не найдено")

    owner.post(salon.url("admin/crm/link/"), {"action": "send_again", "_selected_action": [link.pk]})

    link.refresh_from_db()
    assert link.error == ""
    assert owed("crm.push_lead").filter(ids=[lead.pk]).exists()
