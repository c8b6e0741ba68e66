"""Screens as a receptionist's browser asks for them."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client as Browser

from tests.world import Business

WANTS_TODAY = "Здравствуйте! Можно записаться на окрашивание сегодня после 15:00?"


class Screen:
    """One member's browser on the inbox of a business; `htmx` says whether scripts run."""

    def __init__(self, business: Business, who: str, *, htmx: bool = True) -> None:
        self.business, self.browser, self.htmx = business, business.browser(who), htmx

    def get(self, path: str, *, target: str = "", page: str = "", **query: Any) -> Any:
        return self.browser.get(self.business.url(path), query, headers=self._headers(target, page))

    def post(self, path: str, *, page: str = "", **form: Any) -> Any:
        return self.browser.post(self.business.url(path), form, headers=self._headers("", page))

    def _headers(self, target: str, page: str) -> dict[str, str]:
        if not self.htmx:
            return {}
        headers = {"HX-Request": "true"}
        if target:
            headers["HX-Target"] = target
        if page:
            headers["HX-Current-URL"] = f"http://testserver{self.business.url(page)}"
        return headers


def words_of(answer: Any) -> str:
    """The page, spaces that do not break made plain."""
    return answer.content.decode().replace("\xa0", " ").replace("\u202f", " ")


@pytest.fixture
def anna(salon: Business) -> Screen:
    return Screen(salon, "anna")


@pytest.fixture
def boris(salon: Business) -> Screen:
    return Screen(salon, "boris")


@pytest.fixture
def olga(salon: Business) -> Screen:
    """Olga does hair; a specialist with a sign-in of her own."""
    from tenants.models import Membership, User

    user = User.objects.create_user("olga@vesna.test", "pass-for-tests-1", name="Ольга")
    Membership.objects.create(tenant=salon.tenant, user=user, role="specialist")
    person = salon.olga
    person.user = user
    person.save(update_fields=["user"])
    return Screen(salon, "olga")


@pytest.fixture
def agent(salon: Business) -> Screen:
    """A person of the agency: may see and do, but is nobody's colleague."""
    from tenants.models import User

    screen = Screen.__new__(Screen)
    screen.business, screen.htmx, screen.browser = salon, True, Browser()
    screen.browser.force_login(User.objects.get(email="agent@mayak.test"))
    return screen


@pytest.fixture
def hot_lead(salon: Business) -> Any:
    """A client of Telegram who wants to come today; offered to a person at the desk."""
    return salon.receives("telegram", WANTS_TODAY, name="Ирина")
