"""The agency's admin: businesses opened and closed, people let in, stopped work mended."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test import Client as Browser

from agency.packs import load_city, load_trade
from assistant.models import KnowledgeEntry, Promotion
from booking import queries
from leadhub.work.models import DueWork
from tenants.business.models import Branch, BusinessSettings, MessageTemplate, Service, StaffMember
from tenants.business.readiness import gaps
from tenants.models import Agency, AgencyMembership, City, HookKey, Membership, Tenant, Trade, User
from tests.admin.conftest import filled, logged_in, page
from tests.world import Business

TENANTS = "/admin/tenants/tenant/"


@pytest.fixture
def head(clock, db):
    """An administrator of the agency, no superuser."""
    user = User.objects.create_user("head@mayak.test", "pass-for-tests-1", is_staff=True)
    AgencyMembership.objects.create(agency=Agency.objects.get(), user=user, role="admin")
    return logged_in("head@mayak.test")


def add(browser, path, **changes):
    return browser.post(path, filled(browser.get(path), **changes))


def open_one(browser, **changes):
    told = {
        "name": "Ромашка",
        "slug": "romashka",
        "agency": Agency.objects.get(name="Агентство «Маяк»").pk,
        "trade": "clinic",
        "city": "omsk",
        "owner_email": "Hozyaika@Romashka.test",
        "owner_name": "Инна",
    }
    return add(browser, TENANTS + "add/", **{**told, **changes})


def test_business_is_opened_with_its_owner_invited(head, clock):
    assert open_one(head).status_code == 302

    tenant = Tenant.objects.get(slug="romashka")
    assert Membership.objects.get(tenant=tenant).user.email == "hozyaika@romashka.test"
    with Business(tenant, clock).inside():
        assert BusinessSettings.load().public_name == "Ромашка"
        assert BusinessSettings.load().is_clinical
    clock.settle()
    assert mail.outbox[-1].to == ["hozyaika@romashka.test"]
    assert "/accounts/password/reset/key/" in mail.outbox[-1].body


@pytest.mark.parametrize(("trade", "city"), [(trade, city) for trade, city in zip(Trade, [*City, *City], strict=False)])
def test_business_opened_here_can_be_booked_into_at_once(head, clock, trade, city):
    open_one(head, trade=trade, city=city)
    clock.settle()

    tenant = Tenant.objects.get(slug="romashka")
    with Business(tenant, clock).inside():
        assert [gap.page for gap in gaps()] == ["businesssettings"]  # the policy's address, which only the owner knows
        assert BusinessSettings.load().backup_staff.user.email == "hozyaika@romashka.test"
        assert StaffMember.objects.get(role="owner").name == "Инна"
        assert set(MessageTemplate.objects.values_list("key", "text")) == set(load_trade(trade).texts.items())
        branch = Branch.objects.get()
        assert (branch.city, branch.timezone) == (city, load_city(city).timezone)
        for service in Service.objects.all():
            free = queries.openings([service.pk], now=clock.now()).openings
            assert free, service.name
            assert all(10 <= each.start.astimezone(branch.zone).hour < 20 for each in free)
        assert Promotion.objects.exists()
        assert not Promotion.objects.filter(is_active=True).exists()  # nobody promised them yet
        assert not KnowledgeEntry.objects.filter(answer="").exists()


def test_what_an_owner_began_is_left_alone(head, clock):
    open_one(head)
    tenant = Tenant.objects.get(slug="romashka")
    with Business(tenant, clock).inside():
        Branch.objects.create(name="Свой", city="omsk", address="ул. Ленина, 1", timezone="Asia/Omsk")
    clock.settle()
    with Business(tenant, clock).inside():
        assert (Branch.objects.count(), Service.objects.count()) == (1, 0)


@pytest.mark.parametrize(("slug", "words"), [("vesna", "уже"), ("Ромашка", "Латинские буквы"), ("", "Обязательное")])
def test_address_that_is_taken_or_odd_is_refused(head, slug, words):
    assert words in page(open_one(head, slug=slug))
    assert not Tenant.objects.filter(name="Ромашка").exists()


def test_business_is_closed_only_by_its_typed_address(head, clock):
    tenant = Tenant.objects.get(slug="sosed")
    url = f"{TENANTS}{tenant.pk}/close/"

    assert "Адрес не совпадает" in page(head.post(url, {"slug": "vesna"}))
    assert head.get("/t/sosed/admin/").status_code == 200
    assert head.post(url, {"slug": "sosed"}).status_code == 302

    assert head.get("/t/sosed/admin/").status_code == 404
    assert not HookKey.objects.filter(tenant=tenant, is_enabled=True).exists()
    tenant.refresh_from_db()
    assert tenant.closed_at == clock.now()


def test_closed_business_can_be_erased_for_good(head):
    tenant = Tenant.objects.get(slug="sosed")

    head.post(f"{TENANTS}{tenant.pk}/close/", {"slug": "sosed", "erase": "on"})

    assert not Tenant.objects.filter(slug="sosed").exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_namespace WHERE nspname = 't_sosed'")
        assert cursor.fetchone() == (0,)


def test_nothing_deletes_a_business_by_a_plain_click(root):
    tenant = Tenant.objects.get(slug="sosed")

    assert root.post(f"{TENANTS}{tenant.pk}/delete/", {"post": "yes"}).status_code == 403


def test_renaming_a_business_leaves_its_address_and_schema(head):
    tenant = Tenant.objects.get(slug="sosed")

    add(head, f"{TENANTS}{tenant.pk}/change/", name="Сосед 2", slug="drugoy")

    tenant.refresh_from_db()
    assert (tenant.name, tenant.slug, tenant.schema_name) == ("Сосед 2", "sosed", "t_sosed")


def test_agency_admin_makes_nobody_a_superuser(head):
    user = User.objects.get(email="anna@vesna.test")

    assert head.post(f"/admin/tenants/user/{user.pk}/change/", {"is_superuser": "on"}).status_code == 403
    assert head.get("/admin/tenants/user/add/").status_code == 403


def test_colleague_of_the_agency_is_invited_and_let_go(head, clock):
    agency = Agency.objects.get()
    add(head, "/admin/tenants/agencymembership/add/", agency=agency.pk, email="new@mayak.test", role="operator")

    membership = AgencyMembership.objects.get(user__email="new@mayak.test")
    assert logged_in("new@mayak.test").get("/admin/").status_code == 200
    clock.settle()
    assert mail.outbox[-1].to == ["new@mayak.test"]

    head.post(f"/admin/tenants/agencymembership/{membership.pk}/delete/", {"post": "yes"})
    assert logged_in("new@mayak.test").get("/admin/").status_code == 403


def test_agency_invites_into_its_own_businesses_alone(head):
    other = Agency.objects.create(name="Чужое")
    foreign = Tenant.objects.create(
        slug="foreign", schema_name="t_foreign", name="Чужой", agency=other, trade="salon", city="ufa"
    )

    answer = add(head, "/admin/tenants/membership/add/", tenant=foreign.pk, email="spy@mayak.test", role="owner")

    assert answer.context["adminform"].form.errors.keys() == {"tenant"}
    assert not Membership.objects.filter(tenant=foreign).exists()


# --- Owed work ---


@pytest.fixture
def stopped(clock, db):
    return DueWork.objects.create(
        schema="t_vesna",
        handler="channels.deliver",
        key="1",
        ids=[1],
        due_at=clock.now() - timedelta(hours=1),
        attempts=10,
        failed_at=clock.now(),
        last_error="TryLater: busy",
    )


def test_stopped_work_is_shown_and_run_again(agent, stopped, clock):
    assert "TryLater: busy" in page(agent.get("/admin/work/duework/?state=failed"))

    agent.post("/admin/work/duework/", {"action": "run_again", "_selected_action": [stopped.pk]})

    stopped.refresh_from_db()
    assert (stopped.failed_at, stopped.attempts, stopped.due_at) == (None, 0, clock.now())


def test_work_is_dropped_after_a_second_question(agent, stopped):
    asked = agent.post("/admin/work/duework/", {"action": "drop", "_selected_action": [stopped.pk]})
    assert "не будет сделана никогда" in page(asked)
    assert DueWork.objects.filter(pk=stopped.pk).exists()

    agent.post("/admin/work/duework/", {"action": "drop", "confirmed": "1", "_selected_action": [stopped.pk]})
    assert not DueWork.objects.filter(pk=stopped.pk).exists()


def test_work_of_another_agency_is_neither_seen_nor_touched(agent, stopped):
    DueWork.objects.filter(pk=stopped.pk).update(schema="t_other")

    assert "TryLater: busy" not in page(agent.get("/admin/work/duework/"))
    agent.post(
        "/admin/work/duework/", {"action": "drop", "confirmed": "1", "_selected_action": [stopped.pk]}, follow=True
    )
    assert DueWork.objects.filter(pk=stopped.pk).exists()


# --- Who may enter a business, in its own admin ---

ACCESS = "admin/tenants/membership/"


def test_owner_sees_people_of_this_business_alone(salon, owner):
    html = page(owner.get(salon.url(ACCESS)))

    assert "anna@vesna.test" in html
    assert "sosed.test" not in html
    theirs = Membership.objects.get(user__email="anna@sosed.test")
    assert owner.get(salon.url(f"{ACCESS}{theirs.pk}/change/")).status_code == 302
    assert owner.post(salon.url(f"{ACCESS}{theirs.pk}/delete/"), {"post": "yes"}).status_code == 302
    assert Membership.objects.filter(pk=theirs.pk).exists()


def test_invited_person_chooses_a_password_and_enters(salon, owner):
    answer = owner.post(
        salon.url(ACCESS + "add/"),
        filled(owner.get(salon.url(ACCESS + "add/")), email="nina@new.test", name="Нина", role="receptionist",
               staff=salon.olga.pk),
        follow=True,
    )  # fmt: skip

    shown = re.search(r"https?://[^\s<&]+/accounts/password/reset/key/[^\s<&]+", page(answer))
    assert shown
    assert salon.olga.user.email == "nina@new.test"
    salon.clock.settle()
    assert mail.outbox[-1].to == ["nina@new.test"]
    nina = Browser()
    form = nina.get("/accounts/" + shown[0].split("/accounts/")[1], follow=True)
    chosen = {"password1": "Vesna-2026-nina", "password2": "Vesna-2026-nina"}
    nina.post(form.redirect_chain[-1][0], chosen)
    assert Browser().login(email="nina@new.test", password="Vesna-2026-nina")


def test_link_of_a_person_known_elsewhere_is_not_shown(salon, owner):
    """Whoever holds the link becomes that person, in the other business too."""
    User.objects.filter(email="anna@sosed.test").update(password="!unusable")

    answer = owner.post(
        salon.url(ACCESS + "add/"),
        filled(owner.get(salon.url(ACCESS + "add/")), email="anna@sosed.test", role="receptionist"),
        follow=True,
    )

    assert "Приглашение отправлено" in page(answer)
    assert "/password/reset/key/" not in page(answer)


def test_last_owner_and_oneself_stay(salon, owner):
    own = Membership.objects.get(user__email="viktor@vesna.test")

    assert owner.post(salon.url(f"{ACCESS}{own.pk}/delete/"), {"post": "yes"}).status_code == 403
    assert owner.post(salon.url(f"{ACCESS}{own.pk}/change/"), {"role": "marketing"}).status_code == 403


def test_person_who_left_enters_no_more(salon, owner):
    anna = Membership.objects.get(user__email="anna@vesna.test")

    owner.post(salon.url(f"{ACCESS}{anna.pk}/delete/"), {"post": "yes"})

    assert salon.browser("anna").get(salon.url("admin/")).status_code == 404
    assert salon.anna.user is None
