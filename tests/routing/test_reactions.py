"""«Взять» and «Не могу» pressed under a notice, and notices of leads that went on without their reader."""

from __future__ import annotations

import json
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.test import Client as Browser

from channels_app.models import ChannelAccount, Notice
from contacts.models import Contact, Conversation
from routing import quarantine, reactions, timeline
from routing.models import Decision, Lead
from tenants.business.models import StaffMember

HOT = "Здравствуйте! Хочу записаться на окрашивание к Ольге завтра после 15"


class Desk:
    """People with their chats in the business's bot."""

    def __init__(self, salon, outside, clock):
        self.salon, self.outside, self.clock = salon, outside, clock
        self.token = ChannelAccount.objects.get(kind="telegram").credentials["token"]
        outside.post("telegram/bots", token=self.token, username="vesna_bot")
        only = {"urgent": ["telegram"], "other": ["telegram"]}
        for number, person in enumerate(StaffMember.objects.order_by("pk"), start=1):
            person.telegram_chat_id, person.notice_preferences = str(900_000_000 + number), only
            person.save()
        self._updates = 9_000_000

    def messages(self, person):
        rows = self.outside.telegram(self.token, chat_id=int(person.telegram_chat_id))
        return [row["message"] for row in rows if row["out"]]

    def reads(self, person):
        return [message["text"] for message in self.messages(person)]

    def buttons(self, person):
        markup = self.messages(person)[-1].get("reply_markup", {"inline_keyboard": []})
        return {button["text"]: button["callback_data"] for row in markup["inline_keyboard"] for button in row}

    def presses(self, person, data, *, settle=True):
        """Telegram posts the press of a button to the business's webhook; the word that flashes up for the person."""
        self._updates += 1
        number = int(person.telegram_chat_id)
        query = self.outside.post(
            "telegram/say",
            token=self.token,
            client=number,
            callback={"message_id": self.messages(person)[-1]["message_id"], "data": data},
        )
        sent = {
            "id": str(4_000_000_000 + query["update_id"] - 1),
            "from": {"id": number, "is_bot": False, "first_name": person.name},
            "data": data,
        }
        self.post({"update_id": self._updates, "callback_query": sent})
        if settle:
            self.clock.settle()
        return self.flashed()

    def post(self, update):
        Browser().post(
            f"/hooks/telegram/{self.salon.tenant.slug}-telegram/",
            json.dumps(update),
            content_type="application/json",
            headers={"X-Telegram-Bot-Api-Secret-Token": "s3cret"},
        )

    def flashed(self):
        calls = [call for call in self.outside.log("telegram") if call["method"] == "answerCallbackQuery"]
        return calls[-1]["body"].get("text", "") if calls else ""

    def free(self, *besides):
        """Anna or Boris, whoever is not among these."""
        return next(person for person in (self.salon.anna, self.salon.boris) if person not in besides)


@pytest.fixture
def desk(salon, outside, clock):
    return Desk(salon, outside, clock)


def record(lead, kind):
    return list(lead.decisions.filter(kind=kind).order_by("id"))


def test_take_from_telegram(desk, salon):
    lead = salon.receives("telegram", HOT)
    owner = lead.owner
    assert desk.reads(owner)[0].startswith("Горячая заявка: Окрашивание, завтра после 15")
    said = desk.presses(owner, desk.buttons(owner)["Взять"])

    lead = salon.lead()
    assert (lead.owner, lead.taken_at, lead.conversation.held_by) == (owner, desk.clock.now(), owner)
    assert said == reactions.TAKEN
    assert reactions.TAKEN in desk.reads(owner)[-1]
    assert desk.buttons(owner) == {}
    assert Contact.objects.count() == 1  # the client alone
    desk.clock.tick(minutes=2)
    assert salon.lead().owner == owner


def test_cannot_passes_the_lead_on_at_once(desk, salon, clock):
    lead = salon.receives("telegram", HOT)
    first = lead.owner
    clock.tick(seconds=5)
    said = desk.presses(first, desk.buttons(first)["Не могу"])

    lead, second = salon.lead(), desk.free(first)
    assert lead.owner == second
    assert lead.clock_due_at == clock.now() + (lead.clock_due_at - lead.clock_started_at)
    assert (lead.breaches, lead.taken_at) == (0, None)
    assert said == f"Передано: {second.name}"
    assert desk.reads(second)
    assert record(lead, "declined")[0].title == f"{first.name}: «Не могу взять»"
    assert "не может взять" in desk.reads(second)[0]


def test_everybody_declines_and_it_ends_as_a_call(desk, salon, clock):
    lead = salon.receives("telegram", HOT)
    asked = []
    while (lead := salon.lead()).status == Lead.Status.OPEN:
        asked.append(lead.owner.name)
        said = desk.presses(lead.owner, desk.buttons(lead.owner)["Не могу"])
        clock.tick(seconds=1)
    assert sorted(asked) == ["Анна", "Борис", "Виктор", "Светлана"]  # everybody at work who may be asked, once
    assert lead.status == Lead.Status.NEEDS_CALL
    assert said == "Поставлена задача «Перезвонить»"
    assert lead.tasks.count() == 1


def test_late_press_is_told_who_has_it(desk, salon, clock):
    lead = salon.receives("telegram", HOT)
    first = lead.owner
    late = desk.buttons(first)["Взять"]
    clock.tick(seconds=61)
    second = salon.lead().owner
    assert second != first
    desk.presses(second, desk.buttons(second)["Взять"])
    assert desk.presses(first, late) == f"Заявку уже ведёт {second}"
    assert salon.lead().owner == second


def test_second_press_tells_what_came_of_the_first(desk, salon):
    lead = salon.receives("telegram", HOT)
    owner, buttons = lead.owner, desk.buttons(lead.owner)
    desk.presses(owner, buttons["Взять"])
    assert desk.presses(owner, buttons["Не могу"]) == reactions.TAKEN
    assert salon.lead().owner == owner
    assert Decision.objects.filter(kind="declined").count() == 0


def test_message_of_a_lead_that_somebody_took_says_so_and_loses_its_buttons(desk, salon):
    lead = salon.receives("telegram", HOT)
    owner, other = lead.owner, desk.free(lead.owner)
    from routing import assignment

    assignment.take(lead, by=other, now=desk.clock.now())
    desk.clock.settle()
    assert f"Заявку уже ведёт {other}" in desk.reads(owner)[-1]
    assert desk.buttons(owner) == {}
    assert Notice.objects.get(staff=owner).answer == ""


def test_message_of_a_lead_that_was_called_spam_loses_its_buttons(desk, salon):
    lead = salon.receives("telegram", HOT)
    owner = lead.owner
    with transaction.atomic():
        Conversation.objects.select_for_update().get(pk=lead.conversation_id)
        quarantine.put(lead, why="отметила Светлана", now=desk.clock.now())
    desk.clock.settle()
    assert "Заявка закрыта" in desk.reads(owner)[-1]
    assert desk.buttons(owner) == {}


def test_notice_that_waits_is_dropped_when_its_lead_is_taken(desk, salon, clock):
    StaffMember.objects.update(is_away=True)
    StaffMember.objects.filter(name="Анна").update(is_away=False)
    first = salon.receives("telegram", HOT, client=501)
    second = salon.receives("telegram", HOT, client=502)  # within the seconds in which urgent ones are gathered
    assert first.owner == second.owner == salon.anna
    assert len(desk.reads(salon.anna)) == 1
    from routing import assignment

    assignment.take(second, by=salon.anna, now=clock.now())
    clock.tick(seconds=20)
    assert len(desk.reads(salon.anna)) == 1
    assert Notice.objects.get(lead_id=second.pk, kind="hot_lead").state == "dropped"


def test_record_of_the_lead_tells_how_its_person_was_told_and_answered(desk, salon, clock):
    lead = salon.receives("telegram", HOT)
    clock.tick(seconds=15)
    desk.presses(lead.owner, desk.buttons(lead.owner)["Взять"])
    found = Notice.objects.get(lead_id=lead.pk, kind="hot_lead")
    told = timeline.told_of(found, ZoneInfo("Asia/Yekaterinburg"))
    assert told == "Telegram: принято 12:00:00; «Взять» в 12:00:15: Вы ведёте заявку"


def test_nobody_takes_it_and_the_seniors_telegram_has_the_call(desk, salon, clock):
    salon.receives("telegram", HOT)
    clock.tick(minutes=3, seconds=10)
    assert salon.lead().status == Lead.Status.NEEDS_CALL
    assert any("Нужен звонок" in text for text in desk.reads(salon.svetlana))


def test_rehearsal_tells_nobody(desk, salon, clock):
    from routing.rehearsing import Visitor, rehearsal_of

    with rehearsal_of(Visitor("telegram", "501"), start=clock.now()) as play:
        play.client_writes(HOT)
        assert Notice.objects.filter(kind="hot_lead").exists()
    clock.tick(minutes=2)
    assert [call for call in desk.outside.log("telegram") if call["method"] == "sendMessage"] == []
