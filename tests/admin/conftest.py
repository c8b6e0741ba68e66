"""People of both admins, and forms filled in as a browser would."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client as Browser
from django_tenants.utils import schema_context

from tenants.models import User


@pytest.fixture
def owner(salon: Any) -> Browser:
    return salon.browser("viktor")


@pytest.fixture
def agent(db: None) -> Browser:
    """An operator of the agency."""
    return logged_in("agent@mayak.test")


@pytest.fixture
def root(db: None) -> Browser:
    """A superuser who is a member of no business and of no agency."""
    with schema_context("public"):
        User.objects.create_superuser("root@mayak.test", "pass-for-tests-1")
    return logged_in("root@mayak.test")


def logged_in(email: str) -> Browser:
    browser = Browser()
    browser.force_login(User.objects.get(email=email))
    return browser


def page(answer: Any) -> str:
    assert answer.status_code == 200, (answer.status_code, answer.content[:300])
    return answer.content.decode()


def filled(answer: Any, **changes: Any) -> dict[str, Any]:
    """What a browser would post back from the page's form: every control as it stands, then the changes."""
    form = _Form()
    form.feed(page(answer))
    return {**form.told, **changes}


class _Form(HTMLParser):
    """The controls of the page's one form that is posted (the log-out button's form aside)."""

    def __init__(self) -> None:
        super().__init__()
        self.told: dict[str, Any] = {}
        self._is_inside = False
        self._select = self._textarea = ""

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        name, value = told.get("name") or "", told.get("value")
        if tag == "form":
            self._is_inside = told.get("method") == "post" and told.get("id") != "logout-form"
        if not self._is_inside or "disabled" in told:
            return
        if tag == "select":
            self._select = name
        elif tag == "option" and "selected" in told:
            self._put(self._select, value or "")
        elif tag == "textarea":
            self._textarea = name
            self.told[name] = ""
        elif tag == "input" and name and told.get("type") not in ("submit", "button"):
            if told.get("type") not in ("checkbox", "radio"):
                self.told[name] = value or ""
            elif "checked" in told:
                self._put(name, value or "on")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False
        elif tag == "select":
            self._select = ""
        elif tag == "textarea":
            self.told[self._textarea] = self.told.get(self._textarea, "").removeprefix("\n")
            self._textarea = ""

    def handle_data(self, text: str) -> None:
        if self._textarea:
            self.told[self._textarea] += text

    def _put(self, name: str, value: str) -> None:
        known = self.told.get(name)
        self.told[name] = value if known is None else [*(known if isinstance(known, list) else [known]), value]


@pytest.fixture
def save(owner: Browser) -> Callable[..., Any]:
    """Open a form of the business's admin as its owner, change some fields, post it."""

    def do(url: str, **changes: Any) -> Any:
        opened = owner.get(url)
        assert opened.status_code == 200, opened.status_code
        return owner.post(url, filled(opened, **changes))

    return do
