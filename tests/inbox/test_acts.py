"""What is done with a lead beside answering: booking, calls, outcomes, corrections, quarantine, shift, poll."""

import re
from datetime import timedelta

import pytest

from booking.models import Appointment
from channels_app.models import Delivery
from contacts.models import Contact
from leadhub.work.models import DueWork
from routing import config
from routing.models import Lead, SlaPolicy, Task
from tests.inbox.conftest import WANTS_TODAY, Screen, words_of

SPAM = "Продвижение сайтов в топ! Гарантия! Скидка 50% http://seo-spam.example Пишите"


def first_opening(screen, lead) -> str:
    return re.search(r'name="opening" value="([^"]+)"', words_of(screen.get(f"inbox/{lead.pk}/openings/"))).group(1)


def book(screen, lead, opening: str, salon, **form):
    form = {
        "opening": opening,
        "service": salon.service("Окрашивание").pk,
        "name": "Ирина",
        "phone": "8 901 000-12-34",
    } | form
    return screen.post(f"inbox/{lead.pk}/book/", **form)


# --- Booking ---------------------------------------------------------------------------------------------------------


def test_openings_follow_the_wish_and_the_filters(salon, anna, hot_lead):
    asked = words_of(anna.get(f"inbox/{hot_lead.pk}/openings/"))
    nails = words_of(anna.get(f"inbox/{hot_lead.pk}/openings/", service=salon.service("Маникюр").pk, day="2026-11-27"))
    none = words_of(anna.get(f"inbox/{hot_lead.pk}/openings/", service="", day="не день"))

    assert "просит «сегодня после 15:00»" in asked
    assert "pick--wished" in asked
    assert "Ольга" in asked
    assert "пт 27 ноября" in nails
    assert "сегодня, ср" not in nails
    assert "Марина" in nails
    assert "Выберите услугу, и появится" in none


def test_booking_fills_the_card_tells_the_client_and_closes_the_lead(salon, anna, hot_lead, clock):
    anna.post(f"inbox/{hot_lead.pk}/take/")
    page = words_of(book(anna, hot_lead, first_opening(anna, hot_lead), salon))
    clock.settle()

    visit = Appointment.objects.get(status="booked")
    contact = Contact.objects.get(pk=hot_lead.contact_id)
    assert (visit.staff, visit.contact, visit.lead_id, visit.by_assistant) == (salon.olga, contact, hot_lead.pk, False)
    assert visit.starts_at.astimezone(salon.branch.zone).hour == 15
    assert (contact.name, contact.phone) == ("Ирина", "+79010001234")
    assert salon.lead().status == "booked"
    assert salon.lead().conversation.held_by is None  # the client's next word is answered at any hour
    assert "Клиент записан" in page
    told = salon.heard()[-1]
    assert "вы записаны" in told
    assert "Окрашивание" in told
    assert "15:00" in told
    assert hot_lead.decisions.filter(kind="booked", title="Записан к Ольга").exists()


def test_pressing_twice_books_once(salon, anna, hot_lead):
    opening = first_opening(anna, hot_lead)
    for _ in range(2):
        assert book(anna, hot_lead, opening, salon).status_code == 200

    assert Appointment.objects.count() == 1
    assert Delivery.objects.filter(key__startswith="visit-booked").count() == 1


def test_a_time_that_is_gone_is_refused_and_others_are_offered(salon, anna, boris, hot_lead):
    opening = first_opening(anna, hot_lead)
    other = salon.receives("telegram", WANTS_TODAY, client=502, name="Вера")
    book(boris, other, opening, salon, name="Вера", phone="89010005555")

    refused = book(anna, hot_lead, opening, salon)

    assert refused.status_code == 409
    assert "только что заняли" in words_of(refused)
    assert f'value="{opening}"' not in words_of(refused)
    assert 'name="opening"' in words_of(refused)
    assert Appointment.objects.count() == 1


@pytest.mark.parametrize(
    ("form", "status", "why"),
    [
        ({"phone": ""}, 422, "Укажите телефон"),
        ({"phone": "12-34"}, 422, "Проверьте телефон"),
        ({"opening": "1"}, 422, "Выберите услугу и время"),
        ({"opening": "1-1-99999999999999"}, 422, "Выберите услугу и время"),
        ({"opening": "999-1-3629400"}, 409, "не записывают"),
        ({"service": ""}, 422, "Выберите услугу и время"),
        ({"service": "999"}, 409, "нет в прайсе"),
    ],
)
def test_a_booking_that_cannot_be_says_why(salon, anna, hot_lead, form, status, why):
    refused = book(anna, hot_lead, form.pop("opening", first_opening(anna, hot_lead)), salon, **form)

    assert refused.status_code == status
    assert why in words_of(refused)
    assert not Appointment.objects.exists()


def test_the_assistant_stops_asking_for_what_a_person_arranged(salon, anna, hot_lead, clock):
    book(anna, hot_lead, first_opening(anna, hot_lead), salon)
    clock.settle()

    salon.receives("telegram", "спасибо")

    assert Appointment.objects.count() == 1
    assert "записать" not in salon.heard()[-1].lower()


# --- Calls, outcomes, corrections ------------------------------------------------------------------------------------


def test_a_call_task_is_put_done_and_gone(salon, anna, hot_lead, clock):
    page = words_of(anna.post(f"inbox/{hot_lead.pk}/call-task/", in_minutes="60", comment="уточнить длину"))
    task = Task.objects.get()
    assert (task.title, task.due_at) == ("Перезвонить: уточнить длину", clock.now() + timedelta(hours=1))
    assert "уточнить длину" in page
    assert "уточнить длину" in words_of(anna.get("inbox/tasks/"))

    done = anna.post(f"inbox/tasks/{task.pk}/done/")

    assert "task--done" in words_of(done)
    assert "уточнить длину" not in words_of(anna.get("inbox/tasks/"))


def test_an_outcome_ends_the_lead_and_gives_the_conversation_back(salon, anna, hot_lead):
    anna.post(f"inbox/{hot_lead.pk}/take/")

    page = words_of(anna.post(f"inbox/{hot_lead.pk}/done/", outcome="refused", reason="Дорого"))

    lead = salon.lead()
    assert (lead.status, lead.clock, lead.conversation.held_by) == ("refused", "", None)
    assert "Заявка завершена" in page
    assert "Анна: Дорого" in str(lead.decisions.get(kind="closed").details)
    count = len(salon.heard())
    fresh = salon.receives("telegram", "А на маникюр завтра можно?")
    assert fresh.pk != lead.pk
    assert len(salon.heard()) == count + 1  # the client's next word is answered


def test_booked_needs_a_visit_in_the_calendar(salon, anna, hot_lead):
    page = words_of(anna.post(f"inbox/{hot_lead.pk}/done/", outcome="booked"))
    assert "В календаре нет записи" in page
    assert salon.lead().status == "open"
    assert "Выберите, чем закончилась" in words_of(anna.post(f"inbox/{hot_lead.pk}/done/", outcome="maybe"))

    book(anna, hot_lead, first_opening(anna, hot_lead), salon)
    anna.post(f"inbox/{hot_lead.pk}/done/", outcome="booked")
    assert salon.lead().status == "booked"


def test_a_client_who_thinks_it_over_goes_to_those_who_bring_clients_back(salon, anna, hot_lead):
    from channels_app.models import Notice

    anna.post(f"inbox/{hot_lead.pk}/done/", outcome="nurture")

    assert salon.lead().status == "nurture"
    assert Notice.objects.filter(staff=salon.person("Мила"), kind="nurture", lead_id=hot_lead.pk).count() == 1


def test_spam_by_a_persons_word_goes_to_quarantine_and_comes_back(salon, anna, hot_lead, clock):
    anna.post(f"inbox/{hot_lead.pk}/done/", outcome="spam")
    assert salon.lead().status == "quarantine"
    assert f'id="lead-{hot_lead.pk}"' not in words_of(anna.get("inbox/"))
    assert "Анна: это спам" in words_of(anna.get("inbox/quarantine/"))
    assert not DueWork.objects.filter(handler__endswith="_clock").exists()

    released = anna.post(f"inbox/{hot_lead.pk}/release/")
    clock.settle()

    assert released.status_code == 302
    assert "Заявка вернулась" in words_of(anna.get("inbox/quarantine/"))
    assert salon.lead().status == "open"
    assert f'id="lead-{hot_lead.pk}"' in words_of(anna.get("inbox/"))


def test_real_spam_is_apart_and_cannot_be_answered(salon, anna):
    lead = salon.receives("telegram", SPAM)
    assert lead.status == "quarantine"

    refused = anna.post(f"inbox/{lead.pk}/reply/", text="да", client_key="abcdefgh1", seen="99")

    assert refused.status_code == 422
    assert "карантин" in words_of(refused)
    assert "Карантин <b>1</b>" in words_of(anna.get("inbox/counters/"))


def test_a_corrected_intent_scores_and_routes_anew(salon, anna, hot_lead, clock):
    before = hot_lead.score

    page = words_of(anna.post(f"inbox/{hot_lead.pk}/correct/", intent="complaint"))

    lead = salon.lead()
    message = lead.conversation.messages.filter(author="client").get()
    assert message.understanding["corrected_intent"] == "complaint"
    assert message.understanding["by"] == "Анна"
    assert message.understanding["intent"] == "booking"  # what the engine said stays, to learn from
    assert (lead.intent, lead.stage) == ("complaint", "complaint")
    assert lead.score < before
    assert lead.owner == salon.svetlana  # R of the complaint stage
    assert lead.decisions.filter(title="Исправлено: хочет записаться → жалуется").exists()
    assert "исправлено: жалуется" in page
    assert "Такого намерения нет" in words_of(anna.post(f"inbox/{hot_lead.pk}/correct/", intent="lottery"))


def test_a_bare_answer_hides_and_takes_no_correction(salon, anna, hot_lead, clock):
    clock.tick(seconds=2)
    salon.receives("telegram", "второе", name="Ирина")
    clock.tick(seconds=2)
    salon.receives("telegram", "Ирина, 8 901 000 12 34", name="Ирина")

    card = words_of(anna.get(f"inbox/{hot_lead.pk}/card/"))
    assert "Понято: хочет записаться" in card
    page = words_of(anna.get(f"inbox/{hot_lead.pk}/", target="panes"))
    assert "просит перезвонить ·" not in page
    assert "другое ·" not in page

    anna.post(f"inbox/{hot_lead.pk}/correct/", intent="price_question")

    said = salon.lead().conversation.messages.filter(author="client").order_by("id")
    told = [message.understanding for message in said]
    assert "corrected_intent" not in told[-1]
    assert [each["corrected_intent"] for each in told if "corrected_intent" in each] == ["price_question"]


# --- Shift, poll, home -----------------------------------------------------------------------------------------------


def test_going_away_and_coming_back(salon, anna):
    page = words_of(anna.get("inbox/shift/"))
    assert "на месте до 21:00" in page
    assert "Борис" in page

    away = words_of(anna.post("inbox/shift/", act="away"))
    assert "Вернуться" in away
    assert salon.anna.is_away
    assert salon.receives("telegram", WANTS_TODAY).owner == salon.boris

    assert "на месте" in words_of(anna.post("inbox/shift/", act="back"))
    assert not salon.anna.is_away
    assert anna.post("inbox/shift/", act="dance").status_code == 400


def test_poll_tells_a_deaf_page_what_changed(salon, anna, hot_lead, clock):
    before = (clock.now() - timedelta(minutes=1)).isoformat()

    told = anna.get("inbox/poll/", after=before).json()
    assert {"kind": "lead", "id": hot_lead.pk, "lead": hot_lead.pk} in told["events"]
    assert [event["lead"] for event in told["events"] if event["kind"] == "notice"] == [hot_lead.pk]
    clock.tick(seconds=10)
    assert anna.get("inbox/poll/", after=clock.now().isoformat()).json()["events"] == []
    assert anna.get("inbox/poll/", after="2020-01-01T00:00:00Z").json()["events"] == [{"kind": "refetch"}]
    assert anna.get("inbox/poll/", after="вчера").status_code == 200
    assert anna.get("inbox/poll/", after="2026-11-25T00:00:00").status_code == 400


def test_a_row_leaves_a_list_it_does_not_belong_to(salon, anna, hot_lead):
    assert anna.get(f"inbox/{hot_lead.pk}/row/", view="hot").status_code == 200
    assert anna.get(f"inbox/{hot_lead.pk}/row/", view="closed").status_code == 204
    assert anna.get(f"inbox/{hot_lead.pk}/row/", view="all", q="никто").status_code == 204


def test_an_act_answers_for_the_list_that_is_open(salon, anna, hot_lead):
    page = words_of(anna.post(f"inbox/{hot_lead.pk}/take/", page="inbox/?view=mine"))

    assert re.search(r'view=mine"[^>]*aria-current="true"', page)


def test_the_next_page_keeps_view_and_query(salon, anna, clock):
    from routing import queries

    for client in range(queries.PAGE + 1):
        salon.receives("telegram", "Сколько стоит маникюр?", client=600 + client, settle=False)
    clock.settle()
    assert Lead.objects.count() == queries.PAGE + 1

    page = words_of(anna.get("inbox/", q="маникюр"))
    following = re.search(r'href="([^"]*page=2)"', page).group(1).replace("&amp;", "&")

    assert "q=%D0" in following
    assert page.count("data-row-link") == queries.PAGE
    assert words_of(anna.browser.get(following)).count("data-row-link") == 1


# --- Later -----------------------------------------------------------------------------------------------------------


def test_who_leads_a_lead_puts_it_off_and_nobody_else(salon, neighbour, anna, boris, hot_lead, clock):
    assert 'data-key="l"' not in words_of(anna.get(f"inbox/{hot_lead.pk}/"))
    anna.post(f"inbox/{hot_lead.pk}/take/")
    page = words_of(anna.get(f"inbox/{hot_lead.pk}/"))
    assert 'data-key="l"' in page
    assert "завтра в 9:00" in page
    assert 'data-key="l"' not in words_of(boris.get(f"inbox/{hot_lead.pk}/"))
    refused = words_of(boris.post(f"inbox/{hot_lead.pk}/later/", when="60"))
    assert "может тот, кто её ведёт" in refused
    assert "Выберите, когда" in words_of(anna.post(f"inbox/{hot_lead.pk}/later/", when="вечером"))
    assert salon.lead().clock == "answer"
    with neighbour.inside():
        assert Screen(neighbour, "anna").post(f"inbox/{hot_lead.pk}/later/", when="60").status_code == 404

    done = words_of(anna.post(f"inbox/{hot_lead.pk}/later/", when="60"))
    assert "Заявка отложена, напомним в 13:00" in done
    lead = salon.lead()
    assert (lead.clock, lead.clock_due_at) == ("later", clock.now() + timedelta(hours=1))
    assert lead.decisions.filter(kind="put_off", title="Анна: напомнить позже").exists()
    assert "вернуться к клиенту" in done
    assert "Не откладывать" in done
    assert "Не откладывать" not in words_of(boris.get(f"inbox/{hot_lead.pk}/"))

    refused = words_of(boris.post(f"inbox/{hot_lead.pk}/now/"))
    assert "может тот, кто её ведёт" in refused
    clock.tick(minutes=10)
    taken_up = words_of(anna.post(f"inbox/{hot_lead.pk}/now/"))
    assert "Не откладывать" not in taken_up
    lead = salon.lead()
    assert lead.clock == "answer"
    assert lead.clock_due_at > clock.now()
    assert lead.decisions.filter(kind="put_off", title="Анна: больше не отложена").exists()
    clock.tick(minutes=55)
    assert not lead.decisions.filter(title__startswith="Пора вернуться").exists()
    with neighbour.inside():
        assert Screen(neighbour, "anna").post(f"inbox/{hot_lead.pk}/now/").status_code == 404


def test_where_the_terms_run_on_nothing_can_be_put_off(salon, anna, hot_lead):
    SlaPolicy.objects.update_or_create(pk=1, defaults={"pause_agreed": "no"})
    config.forget_all()
    anna.post(f"inbox/{hot_lead.pk}/take/")
    assert 'data-key="l"' not in words_of(anna.get(f"inbox/{hot_lead.pk}/"))
    anna.post(f"inbox/{hot_lead.pk}/later/", when="60")
    assert salon.lead().clock == "answer"
