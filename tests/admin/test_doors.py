"""Who opens which admin, and what of it."""

from __future__ import annotations

import re

import pytest

from tenants.models import Membership, Tenant, User
from tenants.navigation import AGENCY, BUSINESS
from tests.admin.conftest import logged_in, page


def path_of(model: str) -> str:
    return "admin/" + model.replace(".", "/").lower() + "/"


BUSINESS_PAGES = [path_of(entry.model) for _, pages in BUSINESS for entry in pages]
AGENCY_PAGES = ["/" + path_of(entry.model) for _, pages in AGENCY for entry in pages]


@pytest.mark.parametrize("path", ["admin/", *BUSINESS_PAGES])
def test_owner_opens_every_page_of_the_side_bar(salon, owner, path):
    assert owner.get(salon.url(path), follow=True).status_code == 200


@pytest.mark.parametrize("model", ["business.Branch", "business.StaffMember", "business.Service", "business.Skill"])
def test_owner_opens_the_form_of_a_row_and_of_a_new_one(salon, owner, model):
    html = page(owner.get(salon.url(path_of(model))))
    row = re.search(rf'href="({salon.url(path_of(model))}\d+/change/)', html)

    assert row, html[:500]
    page(owner.get(row[1]))
    page(owner.get(salon.url(path_of(model) + "add/")))


def test_side_bar_names_every_page_in_the_owners_order(salon, owner):
    html = page(owner.get(salon.url("admin/")))

    titles = [title for title, _ in BUSINESS]
    shown = [title for title in re.findall(r"<h2>(.*?)</h2>", html) if title in titles]
    assert shown == titles
    for path in BUSINESS_PAGES:
        assert salon.url(path) in html


FOR_ALL = "admin/routing/ruleset/"


@pytest.mark.parametrize("path", [path for path in BUSINESS_PAGES if path != FOR_ALL])
def test_receptionist_and_marketing_are_refused(salon, path):
    for who in ("anna", "mila"):
        assert salon.browser(who).get(salon.url(path)).status_code == 403


@pytest.mark.parametrize("who", ["anna", "mila"])
def test_receptionist_and_marketing_may_read_the_rules_alone(salon, who):
    html = page(salon.browser(who).get(salon.url("admin/")))

    assert [path for path in BUSINESS_PAGES if salon.url(path) in html] == [FOR_ALL]
    assert "Что ещё настроить" not in html


def test_senior_edits_the_business_but_neither_channels_nor_access(salon):
    senior = salon.browser("svetlana")

    assert senior.get(salon.url("admin/business/service/")).status_code == 200
    assert senior.get(salon.url("admin/contacts/contact/")).status_code == 200
    for closed in ("channels_app/channelaccount/", "crm/connection/", "tenants/membership/", "admin/logentry/"):
        assert senior.get(salon.url("admin/" + closed)).status_code == 403
    assert "channelaccount" not in page(senior.get(salon.url("admin/")))


def test_manager_looks_and_changes_nothing(salon):
    Membership.objects.filter(user__email="boris@vesna.test").update(role="manager")
    manager = salon.browser("boris")
    service = salon.service("Маникюр")
    url = salon.url(f"admin/business/service/{service.pk}/change/")

    assert "Сохранить" not in page(manager.get(url))
    assert manager.post(url, {"name": "Взлом"}).status_code == 403
    assert manager.post(salon.url("admin/business/matrixcell/"), {}).status_code == 403
    assert manager.get(salon.url("admin/business/service/add/")).status_code == 403
    assert manager.get(salon.url(f"admin/business/staffmember/{salon.anna.pk}/fill_shifts/")).status_code == 403


@pytest.mark.parametrize("path", ["admin/", "admin/business/service/", "admin/channels_app/channelaccount/"])
def test_neighbours_owner_finds_nothing_here(salon, path):
    assert logged_in("viktor@sosed.test").get(salon.url(path)).status_code == 404


def test_stranger_is_sent_to_the_login(salon, client):
    answer = client.get(salon.url("admin/business/service/"))

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=")


def test_superuser_without_membership_gets_nothing_in_a_business(salon, root):
    assert root.get(salon.url("admin/")).status_code == 404
    assert root.get(salon.url("admin/business/service/")).status_code == 404


def test_superusers_membership_gives_its_role_and_no_more(salon):
    user = User.objects.create_superuser("boss@mayak.test", "pass-for-tests-1")
    Membership.objects.create(tenant=salon.tenant, user=user, role="senior")

    assert logged_in("boss@mayak.test").get(salon.url("admin/channels_app/channelaccount/")).status_code == 403


def test_row_of_the_neighbour_has_no_address_here(salon, neighbour, owner):
    with neighbour.inside():
        theirs = neighbour.service("Маникюр")
        theirs.name = "Чужой маникюр"
        theirs.save()

    assert "Чужой маникюр" not in page(owner.get(salon.url("admin/business/service/")))


# --- The agency ---


@pytest.mark.parametrize("path", ["/admin/", *AGENCY_PAGES])
def test_operator_and_superuser_open_the_agencys_pages(agent, root, path):
    assert agent.get(path).status_code == 200
    assert root.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/admin/", *AGENCY_PAGES])
def test_owner_of_a_business_is_refused_by_the_agencys_admin(salon, owner, path):
    assert owner.get(path, follow=True).status_code == 403


def test_stranger_of_the_agencys_admin_is_sent_to_the_login(client, db):
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith("/accounts/login/")


def test_staff_without_an_agency_gets_nothing(db):
    User.objects.create_user("old@mayak.test", "pass-for-tests-1", is_staff=True)

    assert logged_in("old@mayak.test").get("/admin/tenants/tenant/").status_code == 403


def test_agency_sees_its_own_businesses_alone(agent, other_agency):
    html = page(agent.get("/admin/tenants/tenant/"))

    assert "Весна" in html
    assert "Чужая клиника" not in html
    assert agent.get(f"/admin/tenants/tenant/{other_agency.pk}/change/").status_code == 302
    assert "boss@other.test" not in page(agent.get("/admin/tenants/user/"))
    assert "boss@other.test" not in page(agent.get("/admin/tenants/membership/"))


def test_operator_looks_at_businesses_and_opens_none(agent):
    tenant = Tenant.objects.get(slug="vesna")

    assert "Сохранить" not in page(agent.get(f"/admin/tenants/tenant/{tenant.pk}/change/"))
    assert agent.get("/admin/tenants/tenant/add/").status_code == 403
    assert agent.get(f"/admin/tenants/tenant/{tenant.pk}/close/").status_code == 403


@pytest.fixture
def other_agency(db):
    from tenants.models import Agency
    from tenants.provisioning import open_tenant

    other = Agency.objects.create(name="Агентство «Чужое»")
    tenant = open_tenant(slug="chuzhaya", name="Чужая клиника", agency=other, trade="clinic", city="omsk")
    user = User.objects.create_user("boss@other.test", "pass-for-tests-1")
    Membership.objects.create(tenant=tenant, user=user, role="owner")
    return tenant


def test_policy_is_loosened_for_the_admin_alone(salon, owner):
    admin = owner.get(salon.url("admin/"))["Content-Security-Policy"]

    assert "'unsafe-eval'" in admin
    assert "script-src 'self' 'unsafe-eval'" in admin
    assert "unsafe" not in owner.get("/accounts/login/", follow=True).headers.get("Content-Security-Policy", "")


def test_search_that_would_mix_businesses_is_off(salon, owner):
    assert owner.get(salon.url("admin/search/") + "?s=услуги").status_code == 404
