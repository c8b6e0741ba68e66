"""The score follows the facts, its history says what moved it, and other weights are tried before they are saved."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.admin.models import LogEntry
from hypothesis import given
from hypothesis import strategies as st

from booking import actions
from booking.models import Appointment
from contacts.models import Contact
from routing import config, leads, score_preview
from routing.models import Lead, ScorePolicy
from routing.scoring import Facts, Weights, ages_at, moves, price_scale, score
from tests.admin.conftest import filled, page

NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
WEIGHTS = Weights()
HOT = "Здравствуйте! Хочу записаться на окрашивание завтра после 15"
PRICE = "Сколько стоит маникюр?"
URL = "admin/routing/scorepolicy/1/change/"
PREVIEW = "admin/routing/scorepolicy/preview/"

facts = st.builds(
    Facts,
    intent=st.sampled_from([name for name, _ in WEIGHTS.intent]),
    channel=st.sampled_from([name for name, _ in WEIGHTS.channel] + ["mango"]),
    last_client_at=st.timedeltas(timedelta(0), timedelta(days=9)).map(lambda age: NOW - age),
    price_kopecks=st.integers(0, 3_000_000),
    past_visits=st.integers(0, 30),
    past_revenue_kopecks=st.integers(0, 9_000_000),
    is_vip=st.booleans(),
    is_urgent=st.booleans(),
    from_ad=st.booleans(),
    has_promo=st.booleans(),
    is_price_sensitive=st.booleans(),
)


@given(facts, st.timedeltas(timedelta(0), timedelta(days=2)))
def test_a_score_only_falls_while_the_client_is_silent(lead, passed):
    assert score(lead, WEIGHTS, now=NOW + passed).total <= score(lead, WEIGHTS, now=NOW).total


@given(facts, st.integers(0, 3_000_000), st.integers(0, 9_000_000))
def test_more_money_urgency_ads_and_promo_never_make_it_less(lead, price, revenue):
    richer = replace(
        lead,
        price_kopecks=lead.price_kopecks + price,
        past_revenue_kopecks=lead.past_revenue_kopecks + revenue,
        is_urgent=True,
        from_ad=True,
        has_promo=True,
        is_price_sensitive=False,
    )
    assert 0 <= score(lead, WEIGHTS, now=NOW).total <= score(richer, WEIGHTS, now=NOW).total <= 100
    assert score(lead, WEIGHTS, now=NOW).total <= score(replace(lead, is_vip=True), WEIGHTS, now=NOW).total


@given(facts, facts)
def test_what_moved_a_score_adds_up(one, other):
    before, after = score(one, WEIGHTS, now=NOW), score(other, WEIGHTS, now=NOW)
    told = moves(before.parts, after.parts)
    assert sum(move.after - move.before for move in told) == sum(part.points for part in after.parts) - sum(
        part.points for part in before.parts
    )
    assert all(move.before != move.after for move in told)


@given(facts)
def test_freshness_is_looked_at_again_at_each_half_life_until_nothing_is_left(lead):
    at, looked = NOW, 0
    while (following := ages_at(lead, WEIGHTS, now=at)) is not None:
        assert following > at
        assert (following - lead.last_client_at) % WEIGHTS.recency_half_life == timedelta(0)
        at, looked = following, looked + 1
    assert looked <= 6
    assert score(lead, WEIGHTS, now=at).parts[0].points == 0


def test_much_money_is_what_is_much_at_this_business():
    prices = [150_000, 350_000, 180_000, 220_000, 0]
    weights = price_scale(prices, WEIGHTS)
    assert (weights.dear_kopecks, weights.loyal_kopecks) == (350_000, 2_200_000)
    assert price_scale([0], WEIGHTS) == WEIGHTS
    ten = price_scale([100_000] * 9 + [9_000_000], WEIGHTS)
    assert ten.dear_kopecks == 100_000  # one dear service does not make the rest cheap

    def value(**changes):
        lead = Facts("booking", "telegram", NOW, **changes)
        return next(part.points for part in score(lead, weights, now=NOW).parts if part.key == "ltv")

    assert [value(price_kopecks=price) for price in (0, 175_000, 350_000, 999_999)] == [5, 9, 13, 13]
    assert [value(past_visits=3, past_revenue_kopecks=sum_) for sum_ in (0, 1_100_000, 2_200_000)] == [12, 16, 20]
    assert value(is_vip=True) == 20


def test_a_telephone_call_counts_as_one():
    called = score(Facts("callback_request", "mango", NOW), WEIGHTS, now=NOW)
    assert next(part for part in called.parts if part.key == "channel").points == 20


# --- Stored scores follow --------------------------------------------------------------------------------------------


@pytest.fixture
def owner(salon):
    return salon.browser("viktor")


@pytest.fixture(autouse=True)
def _outside(request):
    """Stories need the messenger; pure tests do not."""
    if "salon" in request.fixturenames:
        request.getfixturevalue("outside")


def scored(lead) -> list[tuple[str, list[tuple[str, str]]]]:
    rows = lead.decisions.filter(kind="scored").order_by("pk")
    return [(row.title, [(line["name"], line["value"]) for line in row.details]) for row in rows]


def test_a_silent_clients_score_ages_by_half_lives_and_each_step_is_told_once(salon, clock):
    lead = salon.receives("telegram", PRICE)
    first = lead.score
    clock.tick(hours=2)
    lead = salon.lead()
    assert lead.score == first - 10
    title, lines = scored(lead)[-1]
    assert title.startswith(f"Балл {first} → {first - 10}, ")
    assert title.endswith(": свежесть 20 → 10")
    assert lines == [("Почему", "прошло время"), ("свежесть", "20 → 10: написал 2 ч назад")]
    clock.tick(hours=30)
    told = scored(salon.lead())
    assert len(told) == 6  # the first one, then 20 → 10 → 5 → 2 → 1 → 0
    assert [leads.score_told(title) for title, _ in told] == [first, *(first - 20 + left for left in (10, 5, 2, 1, 0))]
    assert salon.lead().score_parts[0]["points"] == 0


def test_a_client_marked_as_vip_is_scored_anew_and_goes_to_a_person_when_that_makes_the_lead_hot(salon, owner, clock):
    lead = salon.receives("telegram", PRICE)
    ScorePolicy.objects.create(pk=1, hot_from=lead.score + 5, warm_from=10)
    config.forget_all()
    clock.settle()
    url = salon.url(f"admin/contacts/contact/{lead.contact_id}/change/")

    owner.post(url, filled(owner.get(url), is_vip="on"))
    clock.settle()

    lead = salon.lead()
    assert lead.contact.is_vip
    assert lead.is_hot
    assert lead.owner in (salon.anna, salon.boris)
    title, lines = scored(lead)[-1]
    assert "ценность" in title
    assert lines[0] == ("Почему", "изменилось то, что известно о клиенте")
    before = len(scored(lead))
    Contact.objects.get(pk=lead.contact_id).save()
    clock.settle()
    assert len(scored(salon.lead())) == before  # nothing changed, so nothing is told


def test_a_visit_that_took_place_makes_the_client_worth_more(salon, clock):
    salon.receives("telegram", PRICE)
    lead = salon.lead()
    start = clock.now() + timedelta(hours=1)
    visit = actions.book_now(
        lead.contact, [salon.service("Маникюр").pk], salon.marina.pk, salon.branch.pk, start, now=clock.now()
    )
    clock.settle()
    before = next(part["points"] for part in salon.lead().score_parts if part["key"] == "ltv")
    clock.tick(hours=3)
    actions.mark_arrived(Appointment.objects.get(pk=visit.pk), now=clock.now())
    clock.settle()
    after = next(part for part in salon.lead().score_parts if part["key"] == "ltv")
    assert after["points"] > before
    assert after["reason"].startswith("был у нас: 1")


def test_other_weights_prices_and_thresholds_reach_every_open_lead_and_no_closed_one(salon, owner, clock):
    opened = salon.receives("telegram", PRICE, client=701)
    closed = salon.receives("telegram", PRICE, client=702)
    Lead.objects.filter(pk=closed.pk).update(status="refused")
    answer = owner.get(salon.url("admin/routing/scorepolicy/"), follow=True)

    owner.post(salon.url(URL), filled(answer, intent_price="5"))
    clock.settle()

    assert salon.lead(701).score == opened.score - 20
    assert salon.lead(702).score == closed.score
    assert scored(salon.lead(701))[-1][1][0] == ("Почему", "изменились баллы, пороги или цены")

    assert "Вопрос о цене: 25 → 5" in LogEntry.objects.get(object_id="1").change_message


# --- Preview ---------------------------------------------------------------------------------------------------------


def test_the_preview_says_what_saving_then_does(salon, clock):
    for client, text in enumerate((HOT, PRICE, "Перезвоните мне", "Где вы находитесь?"), start=711):
        salon.receives("telegram", text, client=client)
    clock.tick(minutes=40)
    policy = ScorePolicy(pk=1, intent_booking=10, intent_price=39, channel_telegram=3, recency_half_life_minutes=30)
    known = score_preview.last_leads(config.load(), now=clock.now())
    prices = [service.price_kopecks for service in config.load().price_list]
    tried = score_preview.preview(known, config.load().weights, config.weights_of(policy, prices))
    expected = {lead.lead_id: score(lead.facts, config.weights_of(policy, prices), now=lead.at) for lead in known}
    open_before = set(Lead.objects.filter(status__in=["open", "needs_call"]).values_list("pk", flat=True))

    policy.save()
    clock.settle()

    for lead in Lead.objects.filter(pk__in=open_before):
        assert (lead.score, lead.temperature) == (expected[lead.pk].total, expected[lead.pk].temperature)
    assert tried.count == sum(tried.matrix.values()) == 4
    assert sum(column.before for column in tried.columns) == sum(column.after for column in tried.columns) == 4
    told = {change.lead_id: change.after for change in tried.changes}
    assert set(told) & open_before
    assert all(told[pk].temperature == Lead.objects.get(pk=pk).temperature for pk in set(told) & open_before)


def test_the_preview_costs_the_same_queries_for_any_number_of_leads(salon, clock, django_assert_num_queries):
    salon.receives("telegram", HOT, client=721)
    known = config.load()
    with django_assert_num_queries(2):
        score_preview.last_leads(known, now=clock.now())
    salon.receives("telegram", PRICE, client=722)
    with django_assert_num_queries(2):
        assert len(score_preview.last_leads(config.load(), now=clock.now())) == 2


def test_the_page_previews_what_is_typed_and_tells_what_is_wrong(salon, owner, clock):
    lead = salon.receives("telegram", HOT)
    shown = owner.get(salon.url("admin/routing/scorepolicy/"), follow=True)
    assert "из последних 1 заявки" in page(shown)

    told = filled(shown)
    colder = page(owner.post(salon.url(PREVIEW), told | {"intent_booking": "0", "channel_telegram": "0"}))
    assert "<b>1</b> из последних 1" in colder
    assert salon.url(f"inbox/{lead.pk}/") in colder
    assert "намерение 40 → 0" in colder
    assert Lead.objects.get().score == lead.score
    for wrong, said in (
        ({"hot_from": "30"}, "Порог тёплой заявки должен быть ниже"),
        ({"intent_booking": "много"}, "Запись: Введите целое число"),
        ({"intent_booking": "101"}, "Запись: "),
        ({"promo": ""}, "Промокод: "),
        ({"recency_half_life_minutes": "-1"}, "Свежесть убывает вдвое"),
        ({"recency_half_life_minutes": "99999999999"}, "Свежесть убывает вдвое"),
    ):
        answer = owner.post(salon.url(PREVIEW), told | wrong)
        assert answer.status_code == 200
        assert said in page(answer), wrong
        assert 'role="alert"' in page(answer)
    assert owner.post(salon.url(PREVIEW), {}).status_code == 200
    assert owner.get(salon.url(PREVIEW)).status_code == 405


def test_only_who_leads_the_business_tries_weights_and_sees_its_own_leads(salon, neighbour, clock):
    lead = salon.receives("telegram", HOT)
    for who in ("anna", "boris", "mila"):
        assert salon.browser(who).post(salon.url(PREVIEW), {}).status_code == 403
    assert neighbour.browser("viktor").post(salon.url(PREVIEW), {}).status_code in (403, 404)
    with neighbour.inside():
        shown = page(neighbour.browser("viktor").get(neighbour.url("admin/routing/scorepolicy/"), follow=True))
    assert "Заявок пока нет" in shown
    assert lead.summary not in shown


def test_the_card_tells_how_the_score_changed_and_whom_the_lead_would_go_to(salon, neighbour, clock):
    lead = salon.receives("telegram", PRICE)
    clock.tick(hours=2)
    anna = salon.browser("anna")
    card = page(anna.get(salon.url(f"inbox/{lead.pk}/card/")))
    assert "Как менялся балл" in card
    assert "прошло время: свежесть 20 → 10" in card
    said = page(anna.get(salon.url(f"inbox/{lead.pk}/who/")))
    assert "Никому, ведёт ассистент" in said
    assert salon.browser("mila").get(salon.url(f"inbox/{lead.pk}/who/")).status_code == 403
    assert neighbour.browser("viktor").get(salon.url(f"inbox/{lead.pk}/who/")).status_code in (403, 404)
    assert neighbour.browser("viktor").get(neighbour.url(f"inbox/{lead.pk}/who/")).status_code == 404
