"""People of both admins, and forms filled in as a browser would."""

from __future__ import annotations

from collections.abc import Callable
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
    """What a browser would post back from a page of the admin: every field as shown, then the changes."""
    context = answer.context
    told: dict[str, Any] = {}
    for form in _forms(context):
        for bound in form:
            widget, value = bound.field.widget, bound.value()
            if getattr(widget, "input_type", "") == "password" or bound.field.disabled:
                continue
            shown = widget.get_context(bound.html_name, value, {})["widget"]
            if "subwidgets" in shown and "type" not in shown and shown.get("is_hidden") is False and _is_split(shown):
                told.update({part["name"]: part["value"] or "" for part in shown["subwidgets"]})
            elif getattr(widget, "input_type", "") == "checkbox" and not getattr(widget, "allow_multiple_selected", 0):
                if value:
                    told[bound.html_name] = "on"
            elif value not in (None, ""):
                told[bound.html_name] = list(map(str, value)) if isinstance(value, list) else _text(bound, value)
            else:
                told[bound.html_name] = ""
    told.update(changes)
    return {name: value for name, value in told.items() if value is not None}


def _text(bound: Any, value: Any) -> str:
    return str(bound.field.widget.format_value(value) if hasattr(bound.field.widget, "format_value") else value)


def _is_split(shown: dict[str, Any]) -> bool:
    return shown["template_name"].endswith("split_datetime.html")


def _forms(context: Any) -> list[Any]:
    forms = [context["adminform"].form] if "adminform" in context else [context["form"]]
    for formset in context.get("inline_admin_formsets", []) or []:
        forms += [formset.formset.management_form, *formset.formset.forms]
    return forms


@pytest.fixture
def save(owner: Browser) -> Callable[..., Any]:
    """Open a form of the business's admin as its owner, change some fields, post it."""

    def do(url: str, **changes: Any) -> Any:
        opened = owner.get(url)
        assert opened.status_code == 200, opened.status_code
        return owner.post(url, filled(opened, **changes))

    return do
