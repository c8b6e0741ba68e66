"""The open lead: what is read, who leads, what a person answers."""

import re

from channels_app.models import Delivery, Notice
from contacts.models import Message
from leadhub.work.models import DueWork
from routing import leads
from tests.inbox.conftest import WANTS_TODAY, Screen, words_of

KEY = "abcdefgh12345678"


def answer_to(screen: Screen, lead, text: str = "Добрый день! Ждём вас.", *, seen: int | None = None, **form):
    last = lead.conversation.messages.order_by("-pk").values_list("pk", flat=True).first()
    form = {"text": text, "client_key": KEY, "seen": last if seen is None else seen, **form}
    return screen.post(f"inbox/{lead.pk}/reply/", **form)


# --- Reading ---------------------------------------------------------------------------------------------------------


def test_the_page_shows_list_conversation_and_card(salon, anna, hot_lead):
    anna.htmx = False

    page = words_of(anna.get(f"inbox/{hot_lead.pk}/"))

    for part in (f'id="lead-{hot_lead.pk}"', 'id="conversation"', 'id="card"', 'id="openings"', 'id="counters"'):
        assert part in page
    assert '<mark class="slot slot--service" title="Услуга: Окрашивание">окрашивание</mark>' in page
    assert "намерение 40" in page
    assert 'data-zone="Asia/Yekaterinburg"' in page
    assert "дольше всех ждёт заявку" in page


def test_each_part_of_the_open_lead_comes_by_itself(anna, hot_lead):
    panes = words_of(anna.get(f"inbox/{hot_lead.pk}/", target="panes"))
    update = words_of(anna.get(f"inbox/{hot_lead.pk}/", target="messages"))
    card = words_of(anna.get(f"inbox/{hot_lead.pk}/card/"))

    assert "<html" not in panes + update + card
    assert 'id="conversation"' in panes
    assert 'id="card"' in panes
    assert 'id="messages"' in update
    assert 'id="composer-seen"' in update
    assert 'id="composer"' not in update  # what is being typed stays as it is
    assert 'id="card"' in card


def test_tags_are_read_in_russian_and_kept_as_keys(anna, hot_lead):
    hot_lead.tags += ["promo-vesna10", "аллергия"]
    hot_lead.save(update_fields=["tags"])

    card = words_of(anna.get(f"inbox/{hot_lead.pk}/card/"))

    chips = re.findall(r'<li class="chip">(.*?)</li>', card)
    assert chips == ["Telegram", "волосы", "горячая", "промокод VESNA10", "аллергия"]
    hot_lead.refresh_from_db()
    assert hot_lead.tags == ["tg", "волосы", "hot", "promo-vesna10", "аллергия"]


def test_every_tag_set_by_itself_has_words():
    titles = {tag: leads.tag_title(tag) for tag in [*leads.SOURCE_TAGS.values(), *leads.TEMPERATURE_TAGS.values()]}
    assert titles["site-chat"] == "Чат на сайте"
    assert titles["insta"] == "Instagram"
    assert (titles["warm"], titles["cold"]) == ("тёплая", "холодная")
    assert all(title != tag for tag, title in titles.items())
    assert leads.tag_title("email") == "Почта"


def test_what_a_client_writes_is_text_and_nothing_else(salon, anna):
    evil = "<script>alert(1)</script> окрашивание <img src=x onerror=alert(2)> {{ 7|add:7 }}"
    lead = salon.receives("telegram", evil, name="<b>Ева</b>")
    anna.htmx = False

    for path in ("inbox/", f"inbox/{lead.pk}/", "inbox/tasks/"):
        page = words_of(anna.get(path))
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>Ева" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page or "&lt;b&gt;Ева&lt;/b&gt;" in words_of(anna.get("inbox/"))


def test_opening_a_lead_marks_its_notices_and_messages_seen(salon, anna, hot_lead):
    assert Notice.objects.filter(staff=salon.anna, seen_at=None).exists()

    anna.get(f"inbox/{hot_lead.pk}/", target="panes")

    hot_lead.conversation.refresh_from_db()
    assert not Notice.objects.filter(staff=salon.anna, seen_at=None).exists()
    assert hot_lead.conversation.seen_message_id == hot_lead.conversation.messages.order_by("-pk").first().pk


def test_old_messages_are_asked_for(salon, anna, hot_lead, clock):
    for number in range(70):
        Message.objects.create(
            conversation=hot_lead.conversation, author="client", text=f"сообщение {number:02d}", sent_at=clock.now(),
            received_at=clock.now(),
        )  # fmt: skip

    newest = words_of(anna.get(f"inbox/{hot_lead.pk}/", target="panes"))
    before = re.search(r"before=(\d+)", newest).group(1)
    older = words_of(anna.get(f"inbox/{hot_lead.pk}/", before=before))

    assert "сообщение 69" in newest
    assert "сообщение 05" not in newest
    assert "сообщение 05" in older
    assert "сообщение 69" not in older

    first = re.search(r'id="message-(\d+)"', older).group(1)
    anew = words_of(anna.get(f"inbox/{hot_lead.pk}/", target="messages", since=first))
    assert "сообщение 05" in anew
    assert "сообщение 69" in anew
    assert "Показать раньше" not in anew


# --- Who leads -------------------------------------------------------------------------------------------------------


def test_taking_silences_the_assistant_and_starts_the_answer_clock(salon, anna, hot_lead):
    page = words_of(anna.post(f"inbox/{hot_lead.pk}/take/"))

    lead = salon.lead()
    assert (lead.owner.name, lead.conversation.held_by.name, lead.clock) == ("Анна", "Анна", "answer")
    assert "ведёте вы" in page
    assert 'hx-swap-oob="true"' in page
    said = len(salon.heard())
    salon.receives("telegram", "А сколько стоит?")
    assert len(salon.heard()) == said


def test_the_second_to_take_is_told_who_was_first(salon, anna, boris, hot_lead):
    anna.post(f"inbox/{hot_lead.pk}/take/")

    answer = boris.post(f"inbox/{hot_lead.pk}/take/")

    assert answer.status_code == 200
    assert "Заявку уже ведёт Анна" in words_of(answer)
    assert "ведёт Анна" in words_of(answer)
    assert salon.lead().owner == salon.anna


def test_what_was_given_back_to_the_assistant_may_be_taken_again(salon, anna, boris, hot_lead):
    anna.post(f"inbox/{hot_lead.pk}/take/")
    given_back = words_of(anna.post(f"inbox/{hot_lead.pk}/hand-back/"))
    assert salon.lead().conversation.held_by is None
    assert "Вернуть ассистенту" not in given_back

    anna.post(f"inbox/{hot_lead.pk}/take/")
    assert salon.lead().conversation.held_by == salon.anna

    anna.post(f"inbox/{hot_lead.pk}/hand-back/")
    boris.post(f"inbox/{hot_lead.pk}/take/")
    assert (salon.lead().owner, salon.lead().conversation.held_by) == (salon.boris, salon.boris)


def test_without_scripts_an_act_leads_back_to_the_lead(salon, anna, hot_lead):
    anna.htmx = False

    answer = anna.post(f"inbox/{hot_lead.pk}/take/")

    assert (answer.status_code, answer["Location"]) == (302, salon.url(f"inbox/{hot_lead.pk}/"))


# --- A person answers ------------------------------------------------------------------------------------------------


def test_an_answer_reaches_the_client_and_stops_the_assistant(salon, anna, clock):
    lead = salon.receives("telegram", WANTS_TODAY)
    Delivery.objects.filter(by_assistant=True).update(status="queued")  # the assistant's words have not left yet

    page = words_of(answer_to(anna, lead))

    lead = salon.lead()
    said = lead.conversation.messages.order_by("-pk").first()
    assert (said.author, said.staff, said.text) == ("staff", salon.anna, "Добрый день! Ждём вас.")
    assert (lead.owner, lead.conversation.held_by, lead.clock) == (salon.anna, salon.anna, "")
    assert lead.first_person_answer_at == clock.now()
    assert set(Delivery.objects.filter(by_assistant=True).values_list("status", flat=True)) == {"cancelled"}
    assert Delivery.objects.get(by_assistant=False).status == "queued"
    assert not DueWork.objects.filter(handler__in=["routing.take_clock", "routing.person_clock"]).exists()
    assert "Добрый день! Ждём вас." in page
    assert KEY not in page  # the next answer has a key of its own


def test_the_same_answer_sent_twice_leaves_once(salon, anna, hot_lead):
    answer_to(anna, hot_lead)
    assert answer_to(anna, hot_lead).status_code == 200

    assert Message.objects.filter(author="staff").count() == 1
    assert Delivery.objects.filter(by_assistant=False).count() == 1


def test_a_newer_word_of_the_client_stops_an_answer_until_it_is_insisted_on(salon, anna, hot_lead):
    seen = hot_lead.conversation.messages.order_by("-pk").first().pk
    anna.post(f"inbox/{hot_lead.pk}/take/")
    salon.receives("telegram", "Нет, лучше завтра!")

    refused = answer_to(anna, hot_lead, "Ждём сегодня", seen=seen)

    assert refused.status_code == 409
    page = words_of(refused)
    assert "клиент прислал ещё сообщение" in page
    assert "Ждём сегодня</textarea>" in page
    assert 'name="force" value="1"' in page
    assert "Нет, лучше" in page
    assert not Message.objects.filter(author="staff").exists()

    assert answer_to(anna, hot_lead, "Ждём сегодня", seen=seen, force="1").status_code == 200
    assert Message.objects.filter(author="staff").count() == 1


def test_a_colleagues_answer_stops_a_second_one(salon, anna, boris, hot_lead):
    seen = hot_lead.conversation.messages.order_by("-pk").first().pk
    answer_to(boris, hot_lead, "Отвечает Борис", client_key="boris-key-0001")

    refused = answer_to(anna, hot_lead, "И я", seen=seen)

    assert refused.status_code == 409
    assert "уже ответил(а) Борис" in words_of(refused)
    assert salon.lead().owner == salon.boris


def test_helping_a_colleague_leaves_the_lead_with_its_person(salon, anna, boris, hot_lead):
    boris.post(f"inbox/{hot_lead.pk}/take/")

    assert answer_to(anna, hot_lead).status_code == 200

    assert (salon.lead().owner, salon.lead().conversation.held_by) == (salon.boris, salon.boris)


def test_empty_and_endless_answers_are_refused_in_words(salon, anna, hot_lead):
    for text, why in (("  \n ", "Напишите текст"), ("а" * 4001, "слишком длинный"), ("\x00", "Напишите текст")):
        refused = answer_to(anna, hot_lead, text)
        assert refused.status_code == 422
        assert why in words_of(refused)
    assert answer_to(anna, hot_lead, client_key="<b>").status_code == 422
    assert not Message.objects.filter(author="staff").exists()


def test_a_client_who_shut_the_channel_cannot_be_answered_there(salon, anna, hot_lead):
    identity = hot_lead.conversation.identity
    identity.is_unreachable = True
    identity.save()

    refused = answer_to(anna, hot_lead)

    assert refused.status_code == 422
    assert "закрыл переписку" in words_of(refused)
    assert "Ответить сюда нельзя" in words_of(anna.get(f"inbox/{hot_lead.pk}/", target="panes"))


def test_a_note_never_leaves_and_takes_nothing(salon, anna, hot_lead):
    for _ in range(2):
        page = words_of(anna.post(f"inbox/{hot_lead.pk}/note/", text="Скандалила в марте", client_key=KEY))

    note = Message.objects.get(author="note")
    assert (note.text, note.staff) == ("Скандалила в марте", salon.anna)
    assert "message--note" in page
    assert not Delivery.objects.filter(message=note).exists()
    assert salon.lead().taken_at is None
    assert "Скандалила" not in " ".join(Delivery.objects.values_list("text", flat=True))


def test_a_page_without_scripts_writes_notes_by_the_same_form(salon, anna, hot_lead):
    anna.htmx = False

    answer = answer_to(anna, hot_lead, "Только для своих", mode="note")

    assert answer.status_code == 302
    assert Message.objects.get(author="note").text == "Только для своих"
    assert not Message.objects.filter(author="staff").exists()


def test_a_person_of_the_agency_answers_and_the_salon_goes_on(salon, agent, hot_lead):
    page = words_of(answer_to(agent, hot_lead))

    lead = salon.lead()
    said = lead.conversation.messages.order_by("-pk").first()
    assert (said.author, said.staff) == ("staff", None)
    assert "Агент" in page
    assert lead.conversation.held_by == salon.anna  # it was offered to her
    count = len(salon.heard())
    salon.receives("telegram", "Спасибо, а цена?")
    assert len(salon.heard()) == count
    assert salon.lead().clock == "answer"


def test_where_nobody_is_at_work_the_agencys_answer_leaves_the_lead_waiting(salon, agent, clock):
    from tenants.business.models import BusinessSettings, StaffMember

    lead = salon.receives("telegram", "Сколько стоит педикюр?")
    assert lead.owner is None
    StaffMember.objects.update(is_away=True)
    BusinessSettings.objects.update(backup_staff=None)
    from routing import config

    config.forget_all()
    assert answer_to(agent, lead).status_code == 200

    lead = salon.lead()
    assert (lead.conversation.held_by, lead.conversation.needs_person) == (None, True)
    count = len(salon.heard())
    salon.receives("telegram", "Хорошо")
    assert len(salon.heard()) == count  # the assistant does not speak over a person


def test_who_is_not_on_the_staff_cannot_take(agent, hot_lead):
    assert agent.post(f"inbox/{hot_lead.pk}/take/").status_code == 403
    assert f"inbox/{hot_lead.pk}/take/" not in words_of(agent.get(f"inbox/{hot_lead.pk}/", target="panes"))


def test_a_failed_text_can_be_sent_again(salon, anna, hot_lead):
    answer_to(anna, hot_lead)
    delivery = Delivery.objects.get(by_assistant=False)
    Delivery.objects.filter(pk=delivery.pk).update(status="failed", error="канал остановлен")
    page = words_of(anna.get(f"inbox/{hot_lead.pk}/", target="panes"))
    assert "Не доставлено: канал остановлен" in page

    anna.post(f"inbox/{hot_lead.pk}/retry/{delivery.pk}/")

    delivery.refresh_from_db()
    assert delivery.status == "queued"
    assert anna.post(f"inbox/{hot_lead.pk}/retry/{delivery.pk + 999}/").status_code == 404


def test_colleagues_see_who_is_writing(salon, anna, boris, hot_lead):
    assert anna.post(f"inbox/{hot_lead.pk}/typing/").status_code == 204

    assert "<b>Анна</b> сейчас отвечает" in words_of(boris.get(f"inbox/{hot_lead.pk}/", target="panes"))
    assert "сейчас отвечает" not in words_of(anna.get(f"inbox/{hot_lead.pk}/", target="panes"))

    answer_to(anna, hot_lead)
    assert "сейчас отвечает" not in words_of(boris.get(f"inbox/{hot_lead.pk}/", target="panes"))
