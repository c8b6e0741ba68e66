"""Who gets in: members of a business, people of its agency, and nobody else."""

from django.test import Client

from tenants.models import User


def test_stranger_is_sent_to_the_login(salon):
    answer = Client().get(salon.url("inbox/"))
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=/t/vesna/inbox/")


def test_neighbour_is_told_there_is_no_such_page(salon, neighbour):
    assert neighbour.browser("anna").get(salon.url("inbox/")).status_code == 404
    assert neighbour.browser("anna").get(salon.url("api/v1/leads/")).status_code == 404
    assert neighbour.browser("viktor").get(salon.url("admin/")).status_code == 404


def test_unknown_business_is_404_and_a_missing_slash_is_added(db):
    assert Client().get("/t/nobody/inbox/").status_code == 404
    assert Client().get("/t/vesna").status_code == 301


def test_own_domain_serves_the_tenant_at_the_root(salon):
    from tenants.models import Domain

    Domain.objects.create(domain="vesna.example.ru", tenant=salon.tenant, is_primary=True)
    answer = Client().get("/inbox/", headers={"host": "vesna.example.ru"})
    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]


def test_people_of_the_agency_may_enter_its_businesses(salon):
    browser = Client()
    browser.force_login(User.objects.get(email="agent@mayak.test"))
    assert browser.get(salon.url("inbox/")).status_code == 200


def test_superuser_without_membership_is_no_member(salon):
    browser = Client()
    browser.force_login(User.objects.create_superuser("root@x.test", "pass-for-tests-1"))
    assert browser.get(salon.url("inbox/")).status_code == 404
