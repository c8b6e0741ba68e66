"""The demo's past: believable, in itself consistent, the same for the same day, and of one business alone."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from io import StringIO

import httpx
import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.management import CommandError, call_command
from django.db.models import F
from django_tenants.utils import tenant_context

from agency.demo import businesses, seeding, story
from agency.demo.history import Play
from agency.demo.phrases import Phrases, fill
from agency.packs import all_businesses
from assistant.understand import understand
from assistant.understanding import Understanding
from booking.models import Appointment
from channels_app.models import ChannelAccount, Delivery
from contacts.models import Contact, Conversation, Identity, Message
from crm.models import Connection
from leadhub.work.models import DueWork
from reminders.models import Reminder
from routing.models import AdSpend, Assignment, Campaign, Lead
from tenants.business.calendar import load_calendars, load_rotas
from tenants.business.models import StaffMember
from tenants.models import Agency, AgencyMembership, HookKey, ShortLink, Tenant, User
from tenants.provisioning import close_tenant

NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)  # Wednesday noon in Ufa
SALON, BARBER, DENTAL, COSMO = story.BUSINESSES

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def demo(django_db_setup, django_db_blocker):
    """All four, seeded once for this file and taken away again."""
    with django_db_blocker.unblock():
        said: list[str] = []
        seeding.seed(now=NOW, say=said.append)
        yield said
        _take_away()


def _take_away() -> None:
    for business in story.BUSINESSES:
        close_tenant(Tenant.objects.get(slug=business.slug), now=NOW, erase=True)
    AgencyMembership.objects.filter(agency__name=businesses.AGENCY).delete()
    Agency.objects.filter(name=businesses.AGENCY).delete()
    User.objects.filter(email__endswith=".demo")._raw_delete("default")  # their staff rows went with the schemas


def played(business: story.Business, *, until: datetime = NOW) -> Play:
    """The past of a seeded business played again, not written."""
    play = Play(tenant_of(business), business, today=until.date(), until=until)
    play.run()
    return play


@pytest.fixture(scope="module")
def noon(demo, django_db_blocker) -> Play:
    """The salon's past up to now, played once more."""
    with django_db_blocker.unblock(), tenant_context(tenant_of(SALON)):
        return played(SALON)


def tenant_of(business: story.Business) -> Tenant:
    return Tenant.objects.get(slug=business.slug)


@pytest.fixture(params=story.BUSINESSES, ids=lambda business: business.slug)
def inside(request, demo):
    """Inside each demo business in turn."""
    with tenant_context(tenant_of(request.param)):
        yield request.param


def texts_of(play: Play) -> list[tuple]:
    return [(message.received_at, message.author, message.text) for message in play.book.messages]


# --- Believable -----------------------------------------------------------------------------------------------------


def test_six_weeks_of_leads_and_conversations(inside):
    leads = Lead.objects.exclude(status="quarantine")
    assert 250 <= leads.count() <= 450
    assert min(leads.values_list("created_at", flat=True)) > NOW - timedelta(days=44)
    lengths = sorted(Counter(Message.objects.values_list("conversation_id", flat=True)).values())
    assert Conversation.objects.count() == len(lengths)
    assert lengths[len(lengths) // 5] >= 2
    assert 4 <= lengths[len(lengths) // 2] <= 12


def test_clients_speak_in_many_ways(inside):
    first = [conversation.messages.earliest("id").text for conversation in Conversation.objects.all()]
    assert len(set(first)) > 0.85 * len(first)
    assert not [text for text in Message.objects.values_list("text", flat=True) if re.search(r"[{}\[\]|]", text)]


def test_phones_belong_to_nobody(inside):
    phones = {*Contact.objects.exclude(phone=None).values_list("phone", flat=True)}
    phones |= {*Identity.objects.exclude(claimed_phone="").values_list("claimed_phone", flat=True)}
    assert len(phones) > 100
    assert all(re.fullmatch(r"\+7907\d{7}", phone) for phone in phones)


def test_every_kind_of_lead_is_there(inside):
    intents = set(Lead.objects.values_list("intent", flat=True))
    assert {"booking", "price_question", "consultation", "promo_question", "callback_request", "complaint"} <= intents
    assert Lead.objects.filter(status="quarantine", intent="spam").exists()
    assert set(Lead.objects.values_list("temperature", flat=True)) >= {"hot", "warm"}
    assert set(Lead.objects.values_list("kind", flat=True)) == {"telegram", "webchat", "form"}
    assert Lead.objects.exclude(promo="").exists()
    assert inside is not DENTAL or Lead.objects.filter(urgency="high").count() >= 5


def test_clients_return(inside):
    counts = Counter(Lead.objects.values_list("contact_id", flat=True))
    assert sum(count > 1 for count in counts.values()) > 15


def test_about_one_visit_in_ten_is_missed(inside):
    statuses = Counter(Appointment.objects.values_list("status", flat=True))
    past = statuses["arrived"] + statuses["no_show"]
    assert past > 80
    assert 0.08 <= statuses["no_show"] / past <= 0.12
    assert statuses["cancelled"] > 0
    assert statuses["booked"] + statuses["confirmed"] > 5


def test_business_answers_faster_than_it_did(inside):
    def median_seconds(leads) -> float:
        waits = sorted((lead.first_answer_at - lead.created_at).total_seconds() for lead in leads)
        return waits[len(waits) // 2]

    answered = Lead.objects.exclude(first_answer_at=None).order_by("created_at")
    before = median_seconds(answered.filter(created_at__lt=NOW - timedelta(days=32)))
    after = median_seconds(answered.filter(created_at__gt=NOW - timedelta(days=14)))
    assert before > 240
    assert after < 4
    assert not answered.filter(created_at__lt=NOW - timedelta(days=32), first_answer_by="assistant").exists()


def test_one_source_costs_much_and_brings_little(inside):
    def share(source: str) -> float:
        leads = Lead.objects.filter(utm_source=source).exclude(status="quarantine")
        return leads.filter(status="booked").count() / leads.count()

    assert share("vk") < 0.6 * share("yandex")
    assert AdSpend.objects.filter(source="vk").count() == story.DAYS * 2


def test_advertised_leads_belong_to_campaigns_with_links(inside):
    advertised = Lead.objects.exclude(utm_campaign="")
    assert not advertised.filter(campaign=None).exists()
    assert Campaign.objects.count() == 6
    assert all(sum(one.clicks.values()) >= 4 * one.leads.count() > 0 for one in Campaign.objects.all())
    assert ShortLink.objects.filter(code__in=Campaign.objects.values("code")).count() == 6


# --- Consistent -----------------------------------------------------------------------------------------------------


def test_nothing_lies_in_the_future_but_visits(inside):
    later = NOW + timedelta(minutes=10)  # a fixture that seeds for long enough lets the open leads be a little newer
    assert not Lead.objects.filter(created_at__gt=later).exists()
    assert not Lead.objects.filter(outcome_at__gt=later).exists()
    assert not Message.objects.filter(received_at__gt=later).exists()
    assert not Delivery.objects.filter(sent_at__gt=later).exists()
    assert not Assignment.objects.filter(taken_at__gt=later).exists()
    assert not Reminder.objects.filter(status="sent", done_at__gt=later).exists()
    assert not Appointment.objects.filter(booked_at__gt=later).exists()


def test_statuses_of_visits_fit_the_time(inside):
    assert not Appointment.objects.filter(status="arrived", starts_at__gt=NOW).exists()
    assert not Appointment.objects.filter(status="no_show", ends_at__gt=NOW).exists()
    assert not Appointment.objects.filter(status__in=["booked", "confirmed"], ends_at__lt=NOW).exists()
    assert not Appointment.objects.filter(status="confirmed", confirmed_at=None).exists()
    assert not Appointment.objects.filter(closed_at=None, status__in=["arrived", "no_show", "cancelled"]).exists()
    assert not Appointment.objects.filter(booked_at__gte=F("starts_at")).exists()


def test_nobody_is_in_two_places_and_all_work_is_in_shifts(inside):
    rotas, calendars = load_rotas(list(StaffMember.objects.all())), load_calendars()
    taken: dict[int, list] = {}
    for visit in Appointment.objects.exclude(status__in=["cancelled", "no_show"]).order_by("start_min"):
        day = calendars[visit.branch_id].local_day(visit.starts_at)
        work = rotas[visit.staff_id].work(day, calendars)
        assert any(
            span.branch_id == visit.branch_id and span.start <= visit.starts_at and visit.ends_at <= span.end
            for span in work
        ), visit
        assert all(visit.start_min >= end for end in taken.get(visit.staff_id, ())), visit
        taken.setdefault(visit.staff_id, []).append(visit.end_min)


def test_visit_belongs_to_its_lead_and_costs_what_the_service_costs(inside):
    leads = {lead.pk: lead for lead in Lead.objects.all()}
    for visit in Appointment.objects.prefetch_related("services"):
        lead = leads[visit.lead_id]
        assert (lead.contact_id, lead.conversation_id) == (visit.contact_id, visit.conversation_id)
        assert lead.status == "booked"
        assert lead.outcome_at >= lead.created_at
        assert visit.price_kopecks == sum(service.price_kopecks for service in visit.services.all())
        assert {service.skill_id for service in visit.services.all()} <= set(
            visit.staff.skills.values_list("pk", flat=True)
        )
    booked = Lead.objects.filter(status="booked").count()
    assert Appointment.objects.count() == booked


def test_closed_leads_have_an_outcome_and_open_ones_none(inside):
    closed = ["booked", "refused", "nurture", "closed"]
    assert not Lead.objects.filter(status__in=closed, outcome_at=None).exists()
    assert not Lead.objects.filter(status__in=closed).exclude(clock="").exists()
    assert not Lead.objects.filter(status__in=["open", "needs_call"]).exclude(outcome_at=None).exists()
    assert not Assignment.objects.filter(ended_at=None, lead__status__in=closed).exists()


def test_score_is_the_sum_of_its_parts(inside):
    for lead in Lead.objects.all():
        assert lead.score == max(0, min(100, sum(part["points"] for part in lead.score_parts)))


def test_every_word_to_a_client_was_delivered(inside):
    said = Message.objects.filter(author__in=["assistant", "staff"])
    assert said.count() == said.filter(delivery__isnull=False).count()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"sent", "delivered"}


# --- Now ------------------------------------------------------------------------------------------------------------


def test_inbox_shows_every_state(inside):
    """At noon on a Wednesday, when all four are open."""
    fresh = Lead.objects.filter(created_at__gt=NOW - timedelta(minutes=31))
    assert fresh.filter(status="needs_call", clock="call", tasks__done_at=None).exists()
    assert fresh.filter(clock="take", taken_at=None, owner__isnull=False, temperature="hot").exists()
    assert fresh.filter(clock="answer", conversation__held_by__isnull=False, intent="booking").exists()
    assert fresh.filter(clock="answer", intent="complaint", owner__isnull=False).exists()
    assert fresh.filter(clock="confirm", owner=None, intent="price_question").exists()
    assert fresh.filter(status="quarantine").exists()
    assert inside is not DENTAL or fresh.filter(urgency="high", conversation__needs_person=True).exists()
    assert not fresh.exclude(status="quarantine").filter(first_answer_at=None, intent="booking").exists()


def test_nobody_holds_more_leads_than_the_cap(inside):
    open_leads = Counter(Lead.objects.filter(status__in=["open", "needs_call"]).values_list("owner_id", flat=True))
    for member in StaffMember.objects.all():
        assert open_leads[member.pk] <= member.load_cap, member


def test_reminders_of_visits_ahead_are_owed_and_nothing_storms(inside):
    schema = tenant_of(inside).schema_name
    owed = DueWork.objects.filter(schema=schema)
    planned = Reminder.objects.filter(status="planned")
    assert planned.count() > 5
    assert owed.filter(handler="reminders.send").count() == planned.count()
    assert not planned.filter(due_at__lte=NOW).exists()
    assert not owed.filter(handler__in=["channels.deliver", "routing.answer", "reminders.plan"]).exists()
    assert owed.filter(due_at__lte=NOW).count() < 30


# --- The same again, and nobody else's ------------------------------------------------------------------------------


def test_same_day_gives_the_same_past(demo, noon):
    with tenant_context(tenant_of(SALON)):
        again = played(SALON)
        assert texts_of(noon) == texts_of(again)
        assert [vars(lead)["score"] for lead in noon.book.leads] == [lead.score for lead in again.book.leads]


def test_later_hour_of_the_day_changes_nothing_of_the_past(demo, noon):
    with tenant_context(tenant_of(SALON)):
        evening = played(SALON, until=NOW + timedelta(hours=6))
        line = NOW - timedelta(hours=1)
        assert [row for row in texts_of(noon) if row[0] < line] == [row for row in texts_of(evening) if row[0] < line]
        assert len(texts_of(evening)) > len(texts_of(noon))


def test_second_run_is_nothing(demo):
    with tenant_context(tenant_of(SALON)):
        before = Lead.objects.count(), Message.objects.count(), Connection.objects.count()
    assert seeding.seed(now=NOW + timedelta(days=1), say=print) is False
    with tenant_context(tenant_of(SALON)):
        assert (Lead.objects.count(), Message.objects.count(), Connection.objects.count()) == before


def test_each_has_channels_a_portal_and_hook_addresses_of_its_own(demo):
    tokens, portals = set(), set()
    for business in story.BUSINESSES:
        tenant = tenant_of(business)
        with tenant_context(tenant):
            kinds = Counter(ChannelAccount.objects.values_list("kind", flat=True))
            assert kinds == {"telegram": 1, "webchat": 1, "form": 1, "sms": 1}
            tokens.add(ChannelAccount.objects.get(kind="telegram").credentials["token"])
            portals.add(Connection.objects.get().webhook_token)
        keys = set(HookKey.objects.filter(tenant=tenant).values_list("key", flat=True))
        assert keys == {f"{business.slug}-{kind}" for kind in ("telegram", "webchat", "form")}
        assert HookKey.objects.get(tenant=tenant, kind="telegram").secret
    assert len(tokens) == len(portals) == 4
    assert all(re.fullmatch(r"\d{3,16}:[A-Za-z0-9_-]{10,80}", token) for token in tokens)
    assert all(re.fullmatch(r"1/sandbox[a-z0-9_]+", portal) for portal in portals)


def test_nothing_of_one_business_is_in_another(demo):
    phones, accounts = [], []
    for business in story.BUSINESSES:
        with tenant_context(tenant_of(business)):
            phones += [*Contact.objects.exclude(phone=None).values_list("phone", flat=True)]
            accounts += [*Identity.objects.values_list("external_id", flat=True)]
    assert len(set(phones)) == len(phones)
    assert len(set(accounts)) == len(accounts)
    with tenant_context(Tenant.objects.get(slug="sosed")):
        assert not Lead.objects.exists()
        assert not Contact.objects.exists()


# --- The command ----------------------------------------------------------------------------------------------------


def test_logins_open_and_are_told(demo):
    out = StringIO()
    call_command("seed_demo", print_logins=True, stdout=out)
    told = out.getvalue()
    for email in ("admin@mayak.demo", "owner@salon-ufa.demo", "receptionist@dental-nizhny.demo"):
        assert email in told
        assert User.objects.get(email=email).check_password(businesses.PASSWORD)
    assert "/t/salon-ufa/inbox/" in told


def test_demo_password_is_one_the_product_accepts():
    validate_password(businesses.PASSWORD, User(email="owner@salon-ufa.demo", name="Марина Громова"))


def test_production_refuses_the_demo(settings):
    settings.PRODUCTION = True
    before = Tenant.objects.count(), User.objects.count()
    with pytest.raises(CommandError, match="рабочей установке"):
        call_command("seed_demo")
    assert (Tenant.objects.count(), User.objects.count()) == before


def test_if_empty_leaves_an_installation_with_businesses_alone(demo):
    tenants = Tenant.objects.count()
    call_command("seed_demo", if_empty=True)
    assert Tenant.objects.count() == tenants


def test_bots_are_connected_anew_to_a_messenger_that_forgot_them(demo, outside, settings):
    settings.SANDBOX_URL = outside.url
    call_command("seed_demo", connect=True)
    bots = httpx.get(f"{outside.url}/_control/telegram/bots", trust_env=False).json()["bots"]
    assert {bot["name"] for bot in bots} == {"Бот салона «Весна»", "Бот барбершопа", "Бот клиники", "Бот центра"}
    assert {bot["webhook_url"].partition("/hooks/")[2] for bot in bots} == {
        f"telegram/{business.slug}-telegram/" for business in story.BUSINESSES
    }


def test_clients_of_the_past_can_be_written_to(demo, outside, settings):
    """Whoever is still awaited has a chat with the stand-in bot, so that a reminder reaches its client."""
    settings.SANDBOX_URL = outside.url
    businesses.connect_all()
    with tenant_context(tenant_of(SALON)):
        visits = Appointment.objects.filter(status__in=["booked", "confirmed"], conversation__identity__kind="telegram")
        awaited = {visit.conversation.identity.external_id for visit in visits}
        bot = 1_000_000_001 + SALON.number
        chats = httpx.get(f"{outside.url}/_control/telegram/chats?bot={bot}", trust_env=False).json()["chats"]
    assert awaited
    assert awaited <= {str(chat["chat"]["id"]) for chat in chats}


# --- Words ----------------------------------------------------------------------------------------------------------


def test_phrases_speak_of_services_that_are_sold():
    for pack in all_businesses():
        sold = {service.name for service in pack.services}
        assert {asked.name for asked in Phrases.of([trade.key for trade in pack.trades]).services} <= sold


@pytest.mark.parametrize("pack", all_businesses(), ids=lambda pack: pack.slug)
def test_grave_words_are_understood_for_what_they_are(pack):
    phrases = Phrases.of([trade.key for trade in pack.trades])

    def meaning(text: str) -> Understanding:
        told = fill(text, is_woman=True)
        return understand(told, now=datetime(2026, 11, 25, 12), price_list=pack.price_list(), city=pack.city.key)

    assert [text for text in phrases.complaint if meaning(text).intent != "complaint"] == []
    assert [text for text in phrases.urgent if meaning(text).urgency != "high"] == []
    assert [text for text in phrases.common["spam"] if not meaning(text).is_spam] == []
