"""The owner decides whether a language model is asked, and reads what that came to."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry

from assistant import prompts
from assistant.models import ModelCall
from leadhub.work.models import DueWork
from tenants.business.models import BusinessSettings
from tests.admin.conftest import page

PAGE = "admin/assistant/languagemodel/1/change/"
CALLS = "admin/assistant/modelcall/"


def row():
    return BusinessSettings.load()


def call(at, **more):
    told = {"outcome": "answered", "model": "small", "prompt_version": "1", "latency_ms": 480, "prompt_tokens": 900}
    return ModelCall.objects.create(asked_at=at, **(told | more))


def test_the_page_opens_at_once_and_nothing_is_asked_until_the_owner_says_so(salon, owner):
    assert owner.get(salon.url("admin/assistant/languagemodel/"))["Location"] == salon.url(PAGE)
    assert row().model_use == "never"


def test_the_owner_switches_the_model_on(salon, save):
    assert save(salon.url(PAGE), model_use="unsure", model_below="0.6", model_cap_kopecks="1 500").status_code == 302

    assert (row().model_use, row().model_below, row().model_cap_kopecks) == ("unsure", 0.6, 150_000)


def test_the_owner_has_the_base_compared_by_meaning(salon, save, settings):
    settings.OPENAI_API_KEY, settings.OPENAI_EMBEDDING_MODEL = "key", "small"
    DueWork.objects.all().delete()

    assert save(salon.url(PAGE), compares_meaning="on").status_code == 302

    assert row().compares_meaning
    assert DueWork.objects.filter(handler="assistant.embed_knowledge").count() == 1


def test_an_untouched_page_changes_nothing(salon, save):
    save(salon.url(PAGE))

    assert row().model_prompts == []
    assert "Ни одно поле не изменено" in LogEntry.objects.latest("pk").get_change_message()


@pytest.mark.parametrize(
    ("field", "value"), [("model_below", "1.5"), ("model_cap_kopecks", "много"), ("model_use", "maybe")]
)
def test_what_cannot_be_is_refused(salon, save, field, value):
    answer = save(salon.url(PAGE), **{field: value})

    assert field in answer.context["adminform"].form.errors


def test_the_key_goes_in_and_never_comes_out(salon, save, owner):
    save(salon.url(PAGE), typed_key="sk-very-secret")
    assert row().model_key == "sk-very-secret"

    html = page(owner.get(salon.url(PAGE)))
    assert "sk-very-secret" not in html
    assert row().model_secret not in html
    assert "Свой, сохранён и не показывается" in html

    save(salon.url(PAGE), model_name="own")
    assert row().model_key == "sk-very-secret"
    save(salon.url(PAGE), forget_key="on")
    assert row().model_key == ""
    assert "sk-very" not in "".join(entry.change_message for entry in LogEntry.objects.all())


def test_the_page_says_which_key_is_used(salon, owner, settings):
    settings.OPENAI_API_KEY = ""
    assert "Ключа нет" in page(owner.get(salon.url(PAGE)))
    settings.OPENAI_API_KEY = "key-of-all"
    html = page(owner.get(salon.url(PAGE)))
    assert "Общий ключ установки" in html
    assert "key-of-all" not in html


def test_instructions_are_versions(salon, save, owner):
    assert "опытный администратор" in page(owner.get(salon.url(PAGE)))

    save(salon.url(PAGE), prompt="Мы барбершоп.\r\nСтрижём.")
    save(salon.url(PAGE), prompt="Мы лучший барбершоп.")
    assert (row().model_prompt, row().model_prompt_version) == ("Мы лучший барбершоп.", 2)

    html = page(owner.get(salon.url(PAGE)))
    assert "1 · 2026-11-25, Виктор" in html
    save(salon.url(PAGE), prompt_version="1")
    assert row().model_prompt == "Мы барбершоп.\nСтрижём."
    save(salon.url(PAGE), prompt_version="0")
    assert row().model_prompt == ""

    save(salon.url(PAGE), prompt="Мы барбершоп.\r\nСтрижём.")
    save(salon.url(PAGE), prompt=prompts.DEFAULT.replace("\n", "\r\n"))
    assert (row().model_prompt, len(row().model_prompts)) == ("", 2)


def test_endless_instructions_are_refused(salon, save):
    answer = save(salon.url(PAGE), prompt="а" * (prompts.LONGEST_PROMPT + 1))

    assert "prompt" in answer.context["adminform"].form.errors


def test_calls_are_listed_with_the_months_above_them(salon, owner, clock):
    call(clock.now(), cost_kopecks="1234.5")
    call(clock.now(), cost_kopecks="65.5", outcome="late", latency_ms=1200)
    call(clock.now() - timedelta(days=40), cost_kopecks="700")

    html = " ".join(page(owner.get(salon.url(CALLS))).split())

    assert "Ноябрь 2026" in html
    assert "Октябрь 2026" in html
    assert "13 ₽ из 1 000 ₽" in html
    assert "7 ₽" in html
    assert "480" in html
    assert "не успела" in html
    assert "достигнут" not in html


def test_a_reached_cap_is_said_aloud(salon, owner, clock):
    BusinessSettings.objects.update(model_cap_kopecks=1000)
    call(clock.now(), cost_kopecks="1000")

    assert "Предел 10 ₽ достигнут" in page(owner.get(salon.url(CALLS)))
    assert "10 ₽" in page(owner.get(salon.url(PAGE)))


def test_a_call_is_read_and_not_edited(salon, owner, clock):
    one = call(clock.now(), request="Хочу к [ИМЯ_1] <script>", reply='{"intent": "booking"}')

    url = salon.url(f"{CALLS}{one.pk}/change/")
    html = page(owner.get(url))
    assert "Хочу к [ИМЯ_1] &lt;script&gt;" in html
    assert owner.post(url, {"request": "x"}).status_code == 403
    assert owner.get(salon.url(CALLS + "add/")).status_code == 403
    assert owner.post(salon.url(f"{CALLS}{one.pk}/delete/"), {"post": "yes"}).status_code == 403


def test_a_forgotten_text_is_told_as_such(salon, owner, clock):
    one = call(clock.now())

    assert "срок хранения вышел" in page(owner.get(salon.url(f"{CALLS}{one.pk}/change/")))


def test_nobody_but_the_owner_opens_it(salon, neighbour):
    for who in ("anna", "svetlana", "mila"):
        for path in (PAGE, CALLS):
            assert salon.browser(who).get(salon.url(path)).status_code == 403
