"""The packs' dialogues on a business's own settings: they hold, leave no trace, and fail where something broke."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core.management import CommandError, call_command
from django_tenants.utils import tenant_context

from agency.acceptance import scenarios
from agency.acceptance.running import rehearse
from agency.onboarding import apply_business
from agency.packs import load_business
from channels_app.models import Delivery
from contacts.models import Contact
from inbox.tryout import saved
from inbox.tryout.dialogue import Dialogue
from leadhub.work.models import DueWork
from tenants.business.models import BusinessSettings, MatrixCell, MessageTemplate, Service, StaffMember
from tenants.models import Agency, Tenant
from tenants.provisioning import open_tenant
from tests.tenants.test_texts import POLITE

NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)

BUSINESSES = ["salon-ufa", "barber-omsk", "dental-nizhny", "cosmo-krasnoyarsk"]

pytestmark = pytest.mark.django_db


@pytest.fixture
def vesna():
    return opened("salon-ufa")


def opened(slug: str) -> Tenant:
    pack = load_business(slug)
    agency = Agency.objects.earliest("pk")
    city, trade = pack.city.key, pack.trades[0].key
    tenant = open_tenant(slug=slug, name=pack.name, agency=agency, trade=trade, city=city)
    apply_business(tenant, pack, now=NOW, password=None)
    return tenant


def failed(tenant: Tenant, only: str = "") -> dict[str, list[str]]:
    done = rehearse(tenant, only=only, now=NOW)
    assert done.passed or done.failed
    return {outcome.scenario.id: outcome.faults for outcome in done.failed}


@pytest.fixture
def in_turns(monkeypatch):
    """What all businesses share is played by the salon whole and by each other business a third, so that each dialogue
    is played twice; what is a trade's or a business's own is played always. `manage.py acceptance` plays everything."""
    load, shared = scenarios.load, [scenario.id for scenario in scenarios.load((), "").scenarios]

    def part(trades, slug):
        script, turn = load(trades, slug), BUSINESSES.index(slug)
        mine = set(shared if turn == 0 else shared[turn - 1 :: 3])
        played = [scenario for scenario in script.scenarios if scenario.id in mine or scenario.id not in shared]
        return replace(script, scenarios=tuple(played))

    monkeypatch.setattr(scenarios, "load", part)


@pytest.mark.parametrize("slug", BUSINESSES)
def test_every_dialogue_holds_on_the_demo_businesses(slug, db, in_turns):
    done = rehearse(opened(slug), now=NOW)
    assert len(done.passed) + len(done.failed) >= 50
    assert {outcome.scenario.id: outcome.faults for outcome in done.failed} == {}
    assert {outcome.not_applicable for outcome in done.skipped} <= {"филиал один"}


def test_nothing_is_left_of_a_rehearsal(vesna):
    before = Tenant.objects.count(), DueWork.objects.count()
    rehearse(vesna, only="booking-step-by-step", now=NOW)
    assert (Tenant.objects.count(), DueWork.objects.count()) == before
    with tenant_context(vesna):
        assert not Contact.objects.exists()
        assert not Delivery.objects.exists()


def test_changed_price_fails_what_was_agreed_and_nothing_else(vesna):
    with tenant_context(vesna):
        Service.objects.filter(name="Женская стрижка").update(price_kopecks=250_000)
    assert set(failed(vesna, "agreed-")) == {"agreed-haircut"}
    assert failed(vesna, "price-named") == {}


def test_changed_price_of_a_barbershop_fails_its_own_agreement_alone(db):
    barber = opened("barber-omsk")
    assert failed(barber, "agreed-") == {}
    with tenant_context(barber):
        Service.objects.filter(name="Стрижка и борода").update(price_kopecks=180_000)
    assert set(failed(barber, "agreed-")) == {"agreed-combo"}


def test_clinics_complaint_that_reaches_nobody_of_rank_is_found_out(db):
    clinic = opened("dental-nizhny")
    assert failed(clinic, "dental-complaint") == {}
    with tenant_context(clinic):
        MatrixCell.objects.filter(stage="complaint").delete()
        MatrixCell.objects.create(stage="complaint", role="receptionist", letter="R")
        MatrixCell.objects.create(stage="complaint", role="owner", letter="A")
    found = failed(clinic, "dental-complaint")
    assert any("заявку ведёт receptionist" in fault for fault in found["dental-complaint"])


def test_clinic_that_forgot_it_is_one_is_found_out(db):
    clinic = opened("dental-nizhny")
    with tenant_context(clinic):
        BusinessSettings.objects.update(is_clinical=False)
    done = rehearse(clinic, only="dental-pain", now=NOW)
    assert {outcome.not_applicable for outcome in done.outcomes} == {"это не клиника"}


def test_second_trade_is_played_and_its_missing_masseur_found_out(db):
    cosmo = opened("cosmo-krasnoyarsk")
    assert failed(cosmo, "massage-back") == {}
    with tenant_context(cosmo):
        for person in StaffMember.objects.all():
            person.skills.remove(*person.skills.filter(services__name="Массаж спины"))
    assert any("не предложено ни одного времени" in fault for fault in failed(cosmo, "massage-back")["massage-back"])


def test_business_on_first_name_terms_never_says_the_polite_you(vesna):
    with tenant_context(vesna):
        BusinessSettings.objects.update(tone="ty")
    done = rehearse(vesna, only="booking-a", now=NOW)
    assert done.failed == []
    said = [line.text for outcome in done.outcomes for line in outcome.lines if line.who.startswith("Ассистент")]
    assert len(said) >= 8
    assert [text for text in said if POLITE.search(text.lower())] == []


def test_own_text_with_a_sum_of_its_own_is_found_out(vesna):
    with tenant_context(vesna):
        text = "{prices}\nДля вас всего за 777 ₽!"
        MessageTemplate.objects.update_or_create(key="price_answer", position=0, defaults={"text": text})
    found = failed(vesna, "price-")
    assert "Шаг 1: названа сумма 777 ₽, которой нет в прайсе" in found["price-named"]
    assert "price-list" not in found


def test_complaint_that_reaches_nobody_of_rank_is_found_out(vesna):
    with tenant_context(vesna):
        MatrixCell.objects.filter(stage="complaint").delete()
        MatrixCell.objects.create(stage="complaint", role="marketing", letter="R")
        MatrixCell.objects.create(stage="complaint", role="owner", letter="A")
    found = failed(vesna, "complaint")
    assert any("заявку ведёт marketing" in fault for fault in found["complaint"])


def test_service_that_nobody_does_cannot_be_booked(vesna):
    with tenant_context(vesna):
        for person in StaffMember.objects.all():
            person.skills.remove(*person.skills.filter(services__name="Женская стрижка"))
    found = failed(vesna, "booking-step-by-step")
    assert any("не предложено ни одного времени" in fault for fault in found["booking-step-by-step"])


def test_business_without_the_service_is_told_so(vesna):
    with tenant_context(vesna):
        Service.objects.filter(category="Стрижки и укладки").update(is_active=False)
    done = rehearse(vesna, only="price-named", now=NOW)
    assert [outcome.not_applicable for outcome in done.skipped] == ["в прайсе нет услуги «Женская стрижка»"]


def test_checks_that_the_business_saved_are_played_and_told_apart(vesna):
    with tenant_context(vesna):
        dialogue = Dialogue.begin(at=NOW).with_words("Сколько стоит женская стрижка?")
        kept = saved.save(dialogue, title="Цена стрижки", checks=saved.DEFAULT, by="Владелец", now=NOW)
    done = rehearse(vesna, only="saved-", now=NOW)
    assert [(one.scenario.id, one.scenario.group, one.faults) for one in done.outcomes] == [
        (f"saved-{kept.pk}", "Свои проверки", [])
    ]
    assert done.summary.endswith("Из них свои проверки: 1 из 1.")
    assert "1\u202f700" in done.outcomes[0].lines[1].text

    with tenant_context(vesna):
        Service.objects.filter(name="Женская стрижка").update(price_kopecks=250_000)
    [fault] = failed(vesna, "saved-")[f"saved-{kept.pk}"]
    assert fault.startswith("Сообщение 1, цена: было")
    with tenant_context(vesna):
        kept.refresh_from_db()
        assert kept.faults == []  # the row keeps what the console saw
        assert not Contact.objects.exists()


def test_command_reports_and_tells_by_its_exit_code(vesna, settings, tmp_path, capsys):
    settings.DATA_DIR = tmp_path
    call_command("acceptance", "salon-ufa", only="agreed-")
    said = capsys.readouterr().out
    assert "[1/3] ✓ agreed-haircut" in said
    [page] = (tmp_path / "acceptance").glob("salon-ufa-*.html")
    assert "Сколько стоит женская стрижка?" in page.read_text(encoding="utf-8")
    with tenant_context(vesna):
        Service.objects.filter(name="Женская стрижка").update(price_kopecks=1_000)
    with pytest.raises(SystemExit) as stopped:
        call_command("acceptance", "salon-ufa", only="agreed-")
    assert stopped.value.code == 1


def test_unknown_business_is_refused(db):
    with pytest.raises(CommandError, match="Нет такого бизнеса"):
        call_command("acceptance", "nobody")
