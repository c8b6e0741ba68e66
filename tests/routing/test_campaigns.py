"""Campaigns: a code goes from a link into a messenger and onto the lead; clicks are people's."""

from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client as Browser
from hypothesis import example, given, settings
from hypothesis import strategies as st

from routing import campaigns, going, leads, rulesets
from routing.campaigns import Coded, WrongAddress, address, code_in
from routing.models import Campaign, Lead
from tenants.models import ShortLink

PHONE = "Mozilla/5.0 (Linux; Android 14; SM-A546E) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36"
WANTS = "Здравствуйте! Хочу записаться на маникюр"
EVERYWHERE = {
    "whatsapp": "+79170001234",
    "telegram": "vesna_bot",
    "vk": "vesna.ufa",
    "max": "vesna_max",
    "webchat": "https://vesna.example.ru/?a=1&utm_source=old#top",
    "form": "https://vesna.example.ru/form",
}


@pytest.fixture
def autumn(salon, clock):
    return campaigns.save(
        Campaign(
            name="Осень в VK",
            utm_source="vk",
            utm_medium="cpc",
            utm_campaign="autumn",
            promo="ОСЕНЬ15",
            landing="vk",
            addresses=EVERYWHERE,
        ),
        now=clock.now(),
    )


def record(lead, kind="campaign"):
    return [
        (line.title, {told["name"]: told["value"] for told in line.details})
        for line in lead.decisions.filter(kind=kind)
    ]


@pytest.fixture
def _outside(outside):
    """The messenger that answers are sent to."""


def follow(code, *, agent=PHONE, method="get", **headers):
    return getattr(Browser(), method)(f"/go/{code}", headers={"User-Agent": agent, **headers})


# --- Codes, without a database ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code", "rest"),
    [
        ("Здравствуйте! Хочу записаться (код AB12C)", "AB12C", "Здравствуйте! Хочу записаться"),
        ("Запишите (код AB12C) на маникюр завтра", "AB12C", "Запишите на маникюр завтра"),
        ("код: ав12с, можно на стрижку?", "AB12C", "можно на стрижку?"),
        ("/start AB12C", "AB12C", "/start"),
        ("/start AB12C\nможно сегодня?", "AB12C", "/start\nможно сегодня?"),
        ("(Код №AB12)", "AB12", ""),
    ],
)  # fmt: skip
def test_a_code_is_taken_out_of_the_words(text, code, rest):
    assert code_in(text) == Coded(code, rest)


@pytest.mark.parametrize(
    "text",
    [
        "код 123456",  # a one-time code
        "промокод ОСЕНЬ15",
        "какой у вас код домофона?",
        "штрихкод AB12C",
        "/started AB12C",
        "приду в 12:30 на AB12C",
        "код AB12C34567",
        "",
    ],
)
def test_what_is_no_code_stays_in_the_words(text):
    assert code_in(text) is None


@settings(max_examples=60)
@given(st.text(max_size=60), st.text(max_size=60))
@example("код", "\x00")
def test_any_words_around_a_code_are_survived(before, after):
    code = campaigns.new_code()
    code_in(before + after)
    found = code_in(f"{before} (код {code}) {after}")
    assert found is not None
    assert found.code == code or code in found.rest


@pytest.mark.parametrize(
    ("landing", "told", "kept"),
    [
        ("whatsapp", "8 (917) 000-12-34", "+79170001234"),
        ("telegram", "https://t.me/vesna_bot?start=1", "vesna_bot"),
        ("telegram", "@vesna_bot", "vesna_bot"),
        ("vk", "https://vk.com/vesna.ufa", "vesna.ufa"),
        ("max", "max.ru/vesna_max", "vesna_max"),
        ("webchat", "vesna-ufa.ru/chat", "https://vesna-ufa.ru/chat"),
        (
            "webchat",
            "http://localhost:8000/t/vesna/site/",
            "http://localhost:8000/t/vesna/site/",
        ),  # ours, on one's desk
        ("form", "  ", ""),
    ],
)
def test_addresses_are_kept_as_the_messenger_knows_them(landing, told, kept, settings):
    settings.PUBLIC_URL = "http://localhost:8000"
    assert address(landing, told) == kept


@pytest.mark.parametrize(
    ("landing", "told"),
    [
        ("whatsapp", "привет"),
        ("telegram", "мой бот"),
        ("vk", "https://evil.example/x y"),
        ("webchat", "javascript://x.ru"),
        ("webchat", "просто слова"),
        ("webchat", "http://router/admin"),
        ("form", "https://[x"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused(landing, told):
    with pytest.raises(WrongAddress):
        address(landing, told)


# --- Links ------------------------------------------------------------------------------------------------------------


def test_each_messenger_gets_the_code_in_its_own_way(autumn):
    code = autumn.code
    assert parse_qs(urlsplit(campaigns.target(autumn, "whatsapp")).query) == {
        "text": [f"Здравствуйте! Хочу записаться (код {code})"]
    }
    assert campaigns.target(autumn, "telegram") == f"https://t.me/vesna_bot?start={code}"
    assert campaigns.target(autumn, "vk") == f"https://vk.me/vesna.ufa?ref={code}&ref_source=vk"
    assert campaigns.target(autumn, "max") == f"https://max.ru/vesna_max?start={code}"
    page = urlsplit(campaigns.target(autumn, "webchat"))
    assert page.fragment == "top"
    assert parse_qs(page.query) == {
        "a": ["1"], "utm_source": ["vk"], "utm_medium": ["cpc"], "utm_campaign": ["autumn"], "promo": ["ОСЕНЬ15"],
    }  # fmt: skip


def test_a_link_leads_to_the_messenger_and_counts_people(autumn, salon, clock):
    answer = follow(autumn.code.lower())
    assert answer.status_code == 302
    assert answer["Location"] == f"https://vk.me/vesna.ufa?ref={autumn.code}&ref_source=vk"
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    assert follow(f"{autumn.code}/telegram")["Location"] == f"https://t.me/vesna_bot?start={autumn.code}"
    for agent in (
        "TelegramBot (like TwitterBot)",
        "WhatsApp/2.23.20",
        "vkShare; +http://vk.com/dev/Share",
        "curl/8",
        "",
    ):
        assert follow(autumn.code, agent=agent).status_code == 302
    assert follow(autumn.code, agent="").status_code == 302
    assert follow(autumn.code, method="head").status_code == 302
    assert follow(autumn.code, **{"Sec-Purpose": "prefetch"}).status_code == 302

    autumn.refresh_from_db()
    assert autumn.clicks == {"2026-11-25": 2}


def test_a_click_while_the_campaign_is_edited_stays(autumn, clock):
    read_before = Campaign.objects.get(pk=autumn.pk)
    follow(autumn.code)
    read_before.name = "Зима в VK"
    campaigns.save(read_before, now=clock.now())
    autumn.refresh_from_db()
    assert (autumn.name, autumn.clicks) == ("Зима в VK", {"2026-11-25": 1})


def test_clicks_of_one_address_stop_counting_and_then_stop(autumn, monkeypatch):
    monkeypatch.setattr(going, "PER_MINUTE", 15)
    for _ in range(15):
        assert follow(autumn.code).status_code == 302
    assert follow(autumn.code).status_code == 429
    autumn.refresh_from_db()
    assert autumn.clicks == {"2026-11-25": going.COUNTED_PER_MINUTE}


def test_unknown_and_closed_links_tell_so_kindly(autumn, clock):
    assert "Ссылка больше не работает" in follow("ZZ99Z").content.decode()
    assert follow("ZZ99Z").status_code == 404
    assert follow(f"{autumn.code}/sms").status_code == 404
    campaigns.close(autumn, now=clock.now())
    assert follow(autumn.code).status_code == 404
    campaigns.reopen(autumn)
    assert follow(autumn.code).status_code == 302


def test_a_closed_business_has_no_links(autumn, salon, clock):
    salon.tenant.closed_at = clock.now()
    salon.tenant.save()
    assert follow(autumn.code).status_code == 404


def test_codes_are_of_one_business_each(autumn, salon, neighbour):
    assert ShortLink.objects.get(code=autumn.code).tenant == salon.tenant
    with neighbour.inside():
        lead = neighbour.receives("telegram", f"{WANTS} (код {autumn.code})")
        assert (lead.campaign_id, lead.utm_source, lead.utm_medium) == (None, "", "")
        assert not Campaign.objects.exists()


# --- Leads ------------------------------------------------------------------------------------------------------------


def test_prefilled_words_bring_the_campaign_and_are_understood_without_the_code(autumn, salon):
    lead = salon.receives("telegram", f"{WANTS} (код {autumn.code})")
    assert lead.campaign == autumn
    assert (lead.utm_source, lead.utm_medium, lead.utm_campaign, lead.promo) == ("vk", "cpc", "autumn", "ОСЕНЬ15")
    assert lead.intent == "booking"
    title, told = record(lead)[0]
    assert title == "С рекламы: Осень в VK"
    assert told["По чему узнали"] == f"код {autumn.code}"
    assert "ad" in [part["key"] for part in lead.score_parts]
    assert autumn.code in lead.conversation.messages.filter(author="client").get().text  # kept as it was written


def test_the_bots_start_brings_it_too(autumn, salon):
    lead = salon.receives("telegram", f"/start {autumn.code}")
    assert (lead.campaign, lead.utm_source, lead.utm_campaign) == (autumn, "vk", "autumn")
    assert lead.status == "open"
    later = salon.receives("telegram", "Хочу записаться на маникюр завтра")
    assert later.pk == lead.pk
    assert later.campaign == autumn


@pytest.mark.usefixtures("_outside")
def test_who_presses_start_is_greeted(salon):
    assert salon.receives("telegram", "/start").status == "open"
    assert "Чем можем помочь" in salon.heard()[-1]


def test_a_forged_code_is_just_text(autumn, salon):
    lead = salon.receives("webchat", f"{WANTS} (код AB99X)")
    assert (lead.campaign, lead.utm_source, lead.utm_medium) == (None, "", "")
    assert record(lead) == []


def test_the_first_campaign_of_a_lead_stays(autumn, salon, clock):
    other = campaigns.save(
        Campaign(name="Зима", utm_source="yandex", utm_medium="cpc", landing="telegram", addresses=EVERYWHERE),
        now=clock.now(),
    )
    salon.receives("telegram", f"{WANTS} (код {autumn.code})")
    lead = salon.receives("telegram", f"/start {other.code}")
    assert lead.campaign == autumn
    assert len(record(lead)) == 1


@pytest.mark.parametrize(("days", "is_owed"), [(20, True), (40, False)])
@pytest.mark.usefixtures("_outside")
def test_a_client_who_writes_again_much_later_came_by_itself(autumn, salon, clock, days, is_owed):
    lead = salon.receives("telegram", f"/start {autumn.code}")
    leads.close(lead, status="refused", by=None, why="передумал", now=clock.now())
    clock.tick(days=days)
    again = salon.receives("telegram", WANTS)
    assert again.pk != lead.pk
    assert (again.campaign == autumn, again.utm_source == "vk") == (is_owed, is_owed)


def test_marks_of_a_page_find_their_campaign(autumn, salon):
    body = {
        "visitor": f"{77:032x}", "client_key": "k1", "text": WANTS,
        "utm": {"utm_source": "VK", "utm_medium": "cpc", "utm_campaign": "Autumn"},
    }  # fmt: skip
    assert Browser().post("/hooks/webchat/vesna-webchat/", body, content_type="application/json").status_code == 200
    salon.clock.settle()
    lead = Lead.objects.get()
    assert lead.campaign == autumn
    assert record(lead)[0][1]["По чему узнали"] == "метки страницы"


def test_advertised_leads_get_high_priority_by_the_rule(autumn, salon, clock):
    rulesets.save_draft('RULE "Реклама": IF utm = ad THEN priority = high', by="Виктор", now=clock.now())
    rulesets.publish(by="Виктор", now=clock.now())
    assert salon.receives("telegram", f"{WANTS} (код {autumn.code})", client=1).priority == 1
    assert salon.receives("telegram", WANTS, client=2).priority == 0


def test_marketing_and_sales_see_the_hand_over(autumn, salon):
    lead = salon.receives("telegram", f"{WANTS} (код {autumn.code})")
    card = salon.browser("anna").get(salon.url(f"inbox/{lead.pk}/card/")).content.decode()
    assert "С рекламы" in card
    assert "Осень в VK" in card
    assert "ОСЕНЬ15" in card
