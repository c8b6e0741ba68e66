"""A business comes up from its pack complete, once, and leaves its neighbours alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.apps import apps
from django_tenants.utils import tenant_context

from agency.onboarding import apply_business
from agency.packs import load_business
from assistant.models import KnowledgeEntry, Promotion
from routing import config
from tenants.business import responsibility
from tenants.business.calendar import load_calendars, load_rotas
from tenants.business.models import (
    Branch,
    BusinessSettings,
    MessageTemplate,
    Service,
    Shift,
    StaffMember,
)
from tenants.models import Agency, Membership, Tenant, User
from tenants.provisioning import open_tenant

SLUGS = ["barber-omsk", "cosmo-krasnoyarsk", "dental-nizhny", "salon-ufa"]
NOW = datetime(2026, 11, 25, 7, tzinfo=UTC)
PASSWORD = "pass-for-tests-1"

pytestmark = pytest.mark.django_db
businesses = pytest.mark.parametrize("slug", SLUGS)


def opened(slug: str) -> Tenant:
    pack = load_business(slug)
    tenant = open_tenant(
        slug=slug,
        name=pack.name,
        agency=Agency.objects.first(),
        trade=pack.trades[0].key,
        city=pack.city.key,
        is_demo=True,
    )
    apply_business(tenant, pack, now=NOW, password=PASSWORD)
    return tenant


def contents(tenant: Tenant) -> dict[str, list]:
    """Every row of the business, and who may enter it."""
    with tenant_context(tenant):
        rooms = map(apps.get_app_config, ("business", "assistant", "routing"))
        models = [model for room in rooms for model in room.get_models()]
        found = {model.__name__: sorted(map(str, model.objects.values_list())) for model in models}
    return found | {"Membership": sorted(map(str, Membership.objects.filter(tenant=tenant).values_list()))}


@businesses
def test_business_has_all_that_the_path_of_a_lead_reads(slug):
    pack = load_business(slug)
    with tenant_context(opened(slug)):
        loaded = config.load()
        assert loaded.settings.public_name == pack.name
        assert loaded.settings.is_clinical == pack.clinical
        assert loaded.settings.backup_staff.role == "senior"
        assert [service.name for service in loaded.price_list] == [service.name for service in pack.services]
        assert [branch.name for branch in loaded.branches] == [branch.name for branch in pack.branches]
        assert {branch.timezone for branch in loaded.branches} == {pack.city.timezone}
        assert responsibility.load_matrix() == {stage: dict(row) for stage, row in pack.matrix.items()}
        assert set(MessageTemplate.objects.values_list("key", "text")) == set(pack.texts.items())


@businesses
def test_every_service_has_people_with_shifts(slug):
    with tenant_context(opened(slug)):
        rotas, calendars = load_rotas(list(StaffMember.objects.all())), load_calendars()
        days = [date(2026, 11, 23) + timedelta(days=n) for n in range(7)]
        for service in Service.objects.all():
            able = StaffMember.objects.filter(takes_bookings=True, skills=service.skill)
            assert any(rotas[person.pk].work(day, calendars) for person in able for day in days), service.name


@businesses
def test_everybody_can_log_in_with_the_role_of_the_pack(slug):
    pack = load_business(slug)
    tenant = opened(slug)
    roles = dict(Membership.objects.filter(tenant=tenant).values_list("user__email", "role"))
    assert roles == {person.email: person.role for person in pack.staff}
    users = User.objects.filter(email__in=roles)
    assert not any(user.is_staff or user.is_superuser for user in users)
    assert users[0].check_password(PASSWORD)
    with tenant_context(tenant):
        assert all(member.user.email in roles for member in StaffMember.objects.all())


def test_second_run_changes_nothing():
    tenant = opened("salon-ufa")
    before = contents(tenant)
    apply_business(tenant, load_business("salon-ufa"), now=NOW, password="another-password-1")
    assert contents(tenant) == before
    assert User.objects.get(email="owner@salon-ufa.demo").check_password(PASSWORD)


def test_what_the_owner_edited_stays():
    tenant = opened("salon-ufa")
    with tenant_context(tenant):
        Service.objects.filter(name="Женская стрижка").update(price_kopecks=999_00)
        BusinessSettings.objects.update(hold_minutes=25)
        Shift.objects.filter(staff__name="Анна Белова").delete()
    apply_business(tenant, load_business("salon-ufa"), now=NOW, password=PASSWORD)
    with tenant_context(tenant):
        assert Service.objects.get(name="Женская стрижка").price_kopecks == 999_00
        assert BusinessSettings.load().hold_minutes == 25
        assert not Shift.objects.filter(staff__name="Анна Белова").exists()


def test_nothing_of_it_reaches_a_neighbour():
    neighbour = Tenant.objects.get(slug="sosed")
    before = contents(neighbour)
    opened("dental-nizhny")
    assert contents(neighbour) == before


def test_holiday_policies_become_days():
    with tenant_context(opened("salon-ufa")):
        calendars = {Branch.objects.get(pk=pk).name: calendar for pk, calendar in load_calendars().items()}
        main, small = calendars["Весна на Менделеева"], calendars["Весна в Сипайлово"]
        new_year, fourth, unity = date(2027, 1, 1), date(2027, 1, 4), date(2026, 11, 4)
        assert main.hours(new_year) == () == main.hours(date(2027, 1, 2))
        assert main.hours(fourth) == main.hours(unity) == ((time(10), time(18)),)
        assert small.hours(unity) == ()
        assert small.hours(date(2027, 5, 3)) == ()  # a Monday: closed as every Monday


def test_business_open_on_holidays_closes_on_new_year_alone():
    with tenant_context(opened("barber-omsk")):
        (calendar,) = load_calendars().values()
        assert calendar.hours(date(2026, 11, 4)) == ((time(10), time(22)),)
        assert calendar.hours(date(2027, 1, 1)) == ()
        assert calendar.hours(date(2027, 1, 2)) == ((time(10), time(22)),)


def test_promotions_run_from_the_local_day():
    with tenant_context(opened("salon-ufa")):
        spring = Promotion.objects.get(code="VESNA10")
        assert (spring.starts_on, spring.ends_on) == (date(2026, 11, 25), date(2027, 2, 23))


def test_way_to_each_branch_is_an_answer():
    with tenant_context(opened("salon-ufa")):
        answer = KnowledgeEntry.objects.get(question="Как вас найти?").answer
        assert "Весна в Сипайлово: Первый этаж" in answer
        assert "вывеска с зелёным листком" in answer


def test_people_without_a_password_cannot_log_in():
    pack = load_business("salon-ufa")
    tenant = open_tenant(slug="salon-ufa", name=pack.name, agency=Agency.objects.first(), trade="salon", city="ufa")
    apply_business(tenant, pack, now=NOW, password=None)
    assert not User.objects.get(email="owner@salon-ufa.demo").has_usable_password()
