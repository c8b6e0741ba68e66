"""Play a tried talk from its start, and read off what every message came to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from assistant import refine
from assistant.engines import llm
from assistant.models import KnowledgeEntry, Promotion
from assistant.understand import understand
from assistant.understanding import Understanding
from channels_app.models import Notice
from crm.connection import is_connected
from inbox.tryout import clients, facts
from inbox.tryout.dialogue import Dialogue, Turn
from inbox.tryout.rows import LineView, Outcome, Played, ReplyView, TurnView
from leadhub import clock
from reminders.models import Reminder
from routing import cards, refining, rehearsing, talks
from routing import config as configs
from routing.config import Config
from routing.models import Decision, Lead
from routing.rehearsing import Heard, Reading, Rehearsal
from routing.rows import Piece, mark
from routing.scoring import INTENT_TITLES
from tenants.business.models import BusinessSettings, ModelUse, Service, Stage
from tenants.business.texts import catalogue
from tenants.models import ChannelKind

TRIES = 3  # of a talk that met real work
LONGEST = timedelta(seconds=4)  # of the machine's time for one talk: real bookings of the same minutes wait for its end
READY_BY = 5.0  # seconds; a process that asks a language model for the first time loads what that takes
_MARKS = {"angry": "недоволен", "positive": "доволен"}
_PUSH, _FOLLOW = "crm.push_lead", "reminders.follow"


def can_ask_model(settings: BusinessSettings) -> bool:
    """There is a language model that this business could be charged for."""
    return refine.endpoint_of(settings) is not None


def play(dialogue: Dialogue) -> tuple[Dialogue, Played]:
    """The talk from its start, in the current tenant, and the talk as it is known afterwards: with what a language
    model made of its words, where it was asked for the first time. Raises rehearsing.Busy."""
    left = TRIES
    while True:
        try:
            return dialogue, _play(dialogue)
        except rehearsing.ModelWanted as wanted:  # all was taken back: nothing is held while it thinks
            dialogue = dialogue.read_by_model(wanted.number - 1, _ask(dialogue, wanted.question))
        except rehearsing.TooSlow:
            raise
        except rehearsing.Busy:
            left -= 1
            if not left:
                raise


def _ask(dialogue: Dialogue, question: refining.Question) -> dict[str, Any]:
    """What the servers made of the words, as JSON. Their cost counts and is kept, with no message."""
    llm.get_ready(wait=READY_BY)
    with configs.tried(**_settings_for(dialogue)):
        refined = refining.put(question, now=clock.now())
    understanding = refined.understanding
    return {
        "understanding": understanding.to_json() if understanding and understanding.engine != "local" else None,
        "near": list(refined.near.items()),
        "notes": refined.notes,
    }


def _play(dialogue: Dialogue) -> Played:
    with configs.tried(**_settings_for(dialogue)) as config:
        _get_ready(config, now=dialogue.at)
        visitor = clients.visitor_of(dialogue)
        with rehearsing.rehearsal_of(
            visitor, start=dialogue.at, skips=rehearsing.PEOPLES_CLOCKS, longest=LONGEST
        ) as talk:
            clients.furnish(talk, dialogue, config)
            return _watch(talk, dialogue, config)


def _get_ready(config: Config, *, now: datetime) -> None:
    """What reading takes is loaded before anything is held: seconds, in a process that reads for the first time."""
    branch = config.branches[0]
    local = now.astimezone(branch.zone).replace(tzinfo=None)
    understand("Здравствуйте!", now=local, price_list=config.price_list, city=branch.city, model=config.model)


def _settings_for(dialogue: Dialogue) -> dict[str, Any]:
    """The switch of the console: a model is asked as the business set it, or when in doubt where it set nothing."""
    if not dialogue.with_model:
        return {"model_use": ModelUse.NEVER, "compares_meaning": False}
    return {"model_use": ModelUse.UNSURE} if BusinessSettings.load().model_use == ModelUse.NEVER else {}


def _watch(talk: Rehearsal, dialogue: Dialogue, config: Config) -> Played:
    zone = config.branches[0].zone
    known = _newest_reminder()
    turns, decided, was_asked = [], [], False
    for number, turn in enumerate(dialogue.turns, start=1):
        if turns:
            talk.wait(rehearsing.CLIENT_PAUSE)
        at = talk.now
        heard = talk.client_writes(turn.text, reading=_reading(turn))
        decided = [*reversed(heard.decisions), *decided]
        view = _turn(heard, turn, number, at, decided, zone, start=dialogue.at)
        turns.append(replace(view, is_answer=was_asked))
        was_asked = bool(heard.dialogue.get("awaiting"))
    return Played(tuple(turns), _outcome(talk, zone, known) if turns else Outcome())


def _reading(turn: Turn) -> Reading | None:
    if not turn.was_asked:
        return None
    told = turn.reading or {}
    understanding = Understanding.from_json(told["understanding"]) if told.get("understanding") else None
    notes = tuple((name, value) for name, value in told.get("notes", ()))
    return Reading(understanding, {int(pk): share for pk, share in told.get("near", ())}, notes)


# --- One turn ---------------------------------------------------------------------------------------------------------


def _turn(
    heard: Heard,
    turn: Turn,
    number: int,
    at: datetime,
    decided: Sequence[Decision],
    zone: ZoneInfo,
    *,
    start: datetime,
) -> TurnView:
    """`decided`: in the whole talk so far, the newest first."""
    told, lead = heard.understanding, heard.lead
    slots = talks.slot_views(told, zone, now=at) if told else ()
    so_far = [decision for decision in decided if lead and decision.lead_id == lead.pk]
    texts = catalogue()
    return TurnView(
        number=number,
        at=at,
        pieces=mark(turn.text, slots) if slots else (Piece(turn.text),),
        replies=tuple(ReplyView(message.text, tuple(message.choices)) for message in heard.messages),
        understood=cards.understood_view(told, zone, now=at),
        also=tuple(INTENT_TITLES.get(each, each) for each in told.get("intents", ()) if each != told["intent"]),
        marks=tuple(_marks(told)),
        reader=_reader(told, turn),
        is_answer=False,
        score=cards.score_view(lead, so_far) if lead else None,
        decision=cards.decision_view(so_far),
        who=_who(lead),
        stage=str(Stage(lead.stage).label) if lead else "",
        is_urgent=bool(lead and lead.urgency == "high"),
        texts=tuple(texts[key].title if key in texts else key for key in heard.keys),
        quoted=tuple(LineView(name, ((number, _quoted_title(name, number)),)) for name, number in facts.quoted(heard)),
        record=tuple(_line(decision) for decision in heard.decisions),
        facts=facts.facts_of(heard, zone, start=start),
    )


def _reader(told: dict, turn: Turn) -> str:
    if told.get("engine", "local") != "local":
        return "Прочитала языковая модель"
    return "Прочитал сам ассистент" + (": модель не ответила или прочла хуже" if turn.was_asked else "")


def _marks(told: dict) -> Iterator[str]:
    if told.get("urgency") == "high":
        yield "срочно"
    if told.get("price_sensitive"):
        yield "важна цена"
    if told.get("emotion") in _MARKS:
        yield _MARKS[told["emotion"]]
    if told.get("is_spam"):
        yield "реклама"


def _who(lead: Lead | None) -> str:
    if lead is None:
        return ""
    if lead.status == Lead.Status.QUARANTINE:
        return "Никто: сообщение в карантине"
    if lead.owner:
        return f"{lead.owner.name}, {lead.owner.get_role_display().lower()}"
    return "Ассистент ведёт сам"


_SOURCES: dict[str, tuple[type, str]] = {
    "Ответ из базы знаний": (KnowledgeEntry, "question"),
    "Ответ из акций": (Promotion, "title"),
    "Ответ из прайса": (Service, "name"),
}


def _quoted_title(source: str, number: str) -> str:
    model, name = _SOURCES[source]
    return model.objects.filter(pk=number.removeprefix("№")).values_list(name, flat=True).first() or ""


def _line(decision: Decision) -> LineView:
    lines = tuple((line["name"], line["value"]) for line in decision.details if line["name"] != "Тексты")
    return LineView(decision.title, lines, decision.created_at)


# --- What would have happened -----------------------------------------------------------------------------------------


def _outcome(talk: Rehearsal, zone: ZoneInfo, known_reminder: int) -> Outcome:
    conversation, lead = talk.conversation(), talk.lead()
    if conversation is None:
        return Outcome(failed=tuple(talk.failed))
    leads = Lead.objects.filter(conversation=conversation)
    visits = conversation.contact.appointments.exclude(status__in=["expired", "arrived"])
    visits = visits.select_related("staff").prefetch_related("services").order_by("starts_at")
    notices = Notice.objects.filter(lead_id__in=leads.values("pk")).select_related("staff").order_by("pk")
    return Outcome(
        visits=tuple(cards.appointment_view(visit) for visit in visits),
        notices=tuple(LineView(notice.staff.name, (("", notice.text),)) for notice in notices),
        tasks=tuple(
            LineView(task.title, ((str(task.staff or "кто свободен"), ""),), task.due_at)
            for each in leads
            for task in each.tasks.filter(done_at=None).select_related("staff")
        ),
        messages=(*_sms(talk), *_reminders(talk, known_reminder)),
        crm=_crm(talk, lead),
        failed=tuple(talk.failed),
    )


def _sms(talk: Rehearsal) -> Sequence[LineView]:
    sent = talk.deliveries(ChannelKind.SMS)
    return [LineView(f"СМС на {delivery.to}", (("", delivery.text),), delivery.created_at) for delivery in sent]


def _reminders(talk: Rehearsal, known: int) -> Iterator[LineView]:
    planned = Reminder.objects.filter(contact=talk.conversation().contact, status="planned", pk__gt=known)
    for reminder in planned.order_by("due_at"):
        yield LineView(f"Напоминание клиенту {reminder.get_kind_display()}", (), reminder.due_at)
    for row in talk.owed():
        if row.handler == _FOLLOW:
            yield LineView("Вернуться к клиенту, если он не ответит", (), row.due_at)


def _newest_reminder() -> int:
    return Reminder.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def _crm(talk: Rehearsal, lead: Lead | None) -> str:
    if lead is None or not is_connected():
        return ""
    pushed = any(row.handler == _PUSH for row in talk.owed())
    return "Карточка клиента с метками, баллом и ответственным" if pushed else ""
