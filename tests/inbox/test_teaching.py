"""A receptionist marks what the assistant understood and answered, right in the conversation."""

from __future__ import annotations

import re

import pytest

from assistant.learning.examples import Meaning
from assistant.models import TrainingExample
from contacts.models import Message
from tests.inbox.conftest import Screen, words_of


def said(lead, author: str = "client") -> Message:
    return lead.conversation.messages.filter(author=author).order_by("pk").first()


def mark(screen: Screen, lead, message: Message, **form):
    return screen.post(f"inbox/{lead.pk}/teach/{message.pk}/", **form)


def strip(page: str, message: Message) -> str:
    """What stands below a message of the page."""
    return re.search(rf'<div class="mark[^"]*" id="mark-{message.pk}">.*?</form>\s*</div>', page, re.S)[0]


def test_one_click_says_that_it_was_understood_right(anna, hot_lead, clock):
    message = said(hot_lead)

    answer = words_of(mark(anna, hot_lead, message, verdict="right"))

    example = TrainingExample.objects.get()
    assert (example.kind, example.source, example.is_right, example.intent) == (
        "meaning",
        "correction",
        True,
        "booking",
    )
    assert (example.message, example.by, example.created_at) == (message, "Анна", clock.now())
    assert "Понято верно: хочет записаться" in answer
    page = words_of(anna.get(f"inbox/{hot_lead.pk}/", target="panes"))
    assert "Понято верно: хочет записаться" in strip(page, message)  # after a reload


def test_wrong_is_one_click_and_what_is_right_one_more(salon, anna, hot_lead):
    message, score = said(hot_lead), hot_lead.score

    asked = words_of(mark(anna, hot_lead, message, verdict="wrong"))
    example = TrainingExample.objects.get()
    assert (example.is_right, example.intent) == (False, "")
    assert "Чего хотел клиент?" in asked
    assert asked.count('name="intent"') == 10

    page = words_of(mark(anna, hot_lead, message, intent="complaint", emotion="angry", urgent="1"))

    example.refresh_from_db()
    told = Meaning.of(example.told)
    assert (told.intent, example.told["confidence"] > 0) == ("booking", True)
    assert (example.intent, example.emotion, example.urgency, example.is_right) == ("complaint", "angry", "high", False)
    lead = salon.lead()
    assert (lead.intent, lead.owner) == ("complaint", salon.svetlana)  # it tells what the lead is about: the lead moves
    assert lead.score < score
    assert "исправлено: жалуется · срочно · недоволен" in page
    assert 'id="card"' in page


def test_all_that_was_ticked_is_learned(anna, hot_lead):
    message = said(hot_lead)

    mark(anna, hot_lead, message, intent="booking", also=["price_question", "booking"], price_sensitive="1")

    example = TrainingExample.objects.get()
    assert (example.intent, example.also, example.is_price_sensitive) == ("booking", ["price_question"], True)
    assert not example.is_right  # the intent was right, the rest was not


def test_undo_takes_back_the_mark_and_what_it_moved(salon, anna, hot_lead):
    message = said(hot_lead)
    mark(anna, hot_lead, message, intent="complaint")

    page = words_of(mark(anna, hot_lead, message, verdict="undo"))

    message.refresh_from_db()
    assert not TrainingExample.objects.exists()
    assert "corrected_intent" not in message.understanding
    assert salon.lead().intent == "booking"
    assert "Понято верно" in strip(page, message)
    assert "исправлено" not in strip(page, message)


def test_an_older_message_is_corrected_without_moving_the_lead(salon, anna, hot_lead):
    message = said(hot_lead)
    salon.receives("telegram", "А сколько стоит маникюр?", name="Ирина")
    intent = salon.lead().intent

    answer = words_of(mark(anna, hot_lead, message, intent="consultation"))

    assert salon.lead().intent == intent
    assert "исправлено: просит совета" in answer
    assert 'id="card"' not in answer
    message.refresh_from_db()
    assert message.understanding["corrected_intent"] == "consultation"


def test_the_cards_correction_teaches_too(anna, hot_lead):
    anna.post(f"inbox/{hot_lead.pk}/correct/", intent="complaint")

    example = TrainingExample.objects.get()
    assert (example.message, example.intent, example.is_right) == (said(hot_lead), "complaint", False)


def test_what_is_called_spam_goes_to_quarantine_and_is_learned(salon, anna, hot_lead):
    mark(anna, hot_lead, said(hot_lead), intent="spam")

    assert salon.lead().status == "quarantine"
    assert TrainingExample.objects.get().intent == "spam"
    answer = words_of(mark(anna, hot_lead, said(hot_lead), verdict="undo"))
    assert "Заявка осталась там, где была" in answer
    assert salon.lead().status == "quarantine"


def test_a_reply_is_right_or_wrong_with_what_it_should_have_been(anna, hot_lead):
    reply = said(hot_lead, "assistant")

    mark(anna, hot_lead, reply, verdict="right")
    assert TrainingExample.objects.get().is_right
    asked = words_of(mark(anna, hot_lead, reply, verdict="wrong"))
    assert "Как надо было ответить?" in asked
    answer = words_of(mark(anna, hot_lead, reply, right_reply="Добрый день, Ирина! Ольга ждёт вас в 16:30."))

    example = TrainingExample.objects.get()
    assert (example.kind, example.is_right) == ("reply", False)
    assert "окрашивание" in example.text
    assert "Ольга" not in example.right_reply
    assert "Ирина" not in example.right_reply
    assert "в 16:30" in example.right_reply
    assert "Надо: «Добрый день, [ИМЯ_1]! [ИМЯ_2] ждёт вас в 16:30.»" in answer
    mark(anna, hot_lead, reply, verdict="undo")
    assert not TrainingExample.objects.exists()


def test_no_phone_name_address_or_mail_is_kept(salon, anna):
    text = "Я Гульнара Сафина, 8 917 345-67-89, gulya@mail.ru, живу на ул. Пушкина, 12 кв 5, запишите на маникюр"
    lead = salon.receives("telegram", text, name="Гульнара")

    mark(anna, lead, said(lead), verdict="right")

    kept = TrainingExample.objects.values().get()
    for secret in ("Гульнар", "Сафин", "345", "mail.ru", "Пушкина"):
        assert secret not in str(kept), secret
    assert "маникюр" in kept["text"]


def test_a_burst_is_one_example(salon, anna):
    from tenants.business.models import BusinessSettings

    BusinessSettings.objects.update(burst_window_ms=1000, burst_limit_ms=2500)
    salon.receives("telegram", "Здравствуйте", client=777)
    lead = salon.receives("telegram", "отмените мою запись", client=777)
    salon.clock.tick(seconds=2)
    lead = salon.lead(777)
    last = lead.conversation.messages.filter(author="client", understanding__isnull=False).get()

    mark(anna, lead, last, verdict="right")

    assert TrainingExample.objects.get().text == "Здравствуйте\nотмените мою запись"


def test_an_erased_client_takes_the_examples_along(anna, hot_lead):
    mark(anna, hot_lead, said(hot_lead), verdict="right")
    mark(anna, hot_lead, said(hot_lead, "assistant"), verdict="wrong")
    assert TrainingExample.objects.count() == 2
    conversation = hot_lead.conversation
    hot_lead.delete()

    conversation.contact.delete()

    assert not TrainingExample.objects.exists()


def test_without_scripts_the_marks_work_as_well(anna, hot_lead):
    anna.htmx = False

    answer = mark(anna, hot_lead, said(hot_lead), verdict="wrong")

    assert answer["Location"].endswith(f"/inbox/{hot_lead.pk}/#message-{said(hot_lead).pk}")
    assert "Чего хотел клиент?" in words_of(anna.get(f"inbox/{hot_lead.pk}/"))


@pytest.mark.parametrize(
    "form",
    [{"intent": "lottery"}, {"intent": "booking", "emotion": "sad"}, {"intent": "booking", "also": "spam"}],
)
def test_what_there_is_not_is_refused(anna, hot_lead, form):
    assert "нет." in words_of(mark(anna, hot_lead, said(hot_lead), **form))
    assert not TrainingExample.objects.exists()


def test_only_who_sees_the_lead_may_mark_and_the_neighbour_sees_nothing(salon, neighbour, olga, hot_lead):
    message = said(hot_lead)
    other = salon.receives("webchat", "Сколько стоит педикюр?", client=9)

    assert mark(olga, hot_lead, message, verdict="right").status_code == 404  # not hers
    assert Screen(salon, "mila").post(f"inbox/{hot_lead.pk}/teach/{message.pk}/", verdict="right").status_code == 403
    anna = Screen(salon, "anna")
    assert mark(anna, other, message, verdict="right").status_code == 404  # another client's message
    stranger = Screen(neighbour, "anna")
    assert mark(stranger, hot_lead, message, verdict="right").status_code == 404
    assert not TrainingExample.objects.exists()
    mark(anna, hot_lead, message, verdict="right")
    with neighbour.inside():
        assert not TrainingExample.objects.exists()
