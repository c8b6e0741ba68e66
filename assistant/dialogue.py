"""What the assistant answers: one message in, one turn out. Pure but for what it asks of the desk.

The order of `step` is the order of importance: what threatens life, what belongs to people, the answer to the question
that was asked last, then what the message wants by itself. Texts are named, never written here: the caller renders the
tenant's own wording.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from assistant import choices, cues, wants
from assistant.desk import Desk
from assistant.memory import Memory
from assistant.moves import additions, booking, facts, handover, offers, questions, taking, times, visits
from assistant.talk import Say, Talk, Turn
from assistant.understanding import Intent, ServiceInfo, ServiceSlot, Understanding

__all__ = ["Say", "Turn", "arranged", "await_confirmation", "hand_back", "step", "stop"]

IDLE_LIMIT = 6  # answers in a row that moved nothing: the other side may be a machine
TURN_LIMIT = 40  # answers since something was done
SHORT_ANSWER = 120  # characters: a longer spam is no answer to a question

ANSWERS: dict[str, Callable[[Talk], bool]] = {
    "service": booking.answer_service,
    "unknown_service": booking.answer_unknown_service,
    "usual": booking.answer_usual,
    "staff": times.answer_staff,
    "guest_name": taking.answer_guest_name,
    "addition": additions.answer,
    "choice": times.answer_choice,
    "time": times.answer_time,
    "reading": times.answer_reading,
    "contact": booking.answer_contact,
    "consent": booking.answer_consent,
    "confirm_booking": booking.answer_confirm,
    "offer_booking": questions.answer_offer,
    "price_service": questions.answer_price_service,
    "callback_phone": questions.answer_callback_phone,
    "which": visits.answer_which,
    "cancel_sure": visits.answer_cancel_sure,
    "phone_for_code": visits.answer_phone_for_code,
    "code": visits.answer_code,
    "confirm_visit": visits.answer_confirm_visit,
    "move_or_cancel": visits.answer_move_or_cancel,
    "late_move": visits.answer_late_move,
}
TIME_QUESTIONS = ("choice", "time", "reading", "confirm_booking")
TOPICS = {
    "price": ("price_answer", "price_list", "service_unknown"),
    "available": ("service_available",),
    "times": ("offer_openings", "offer_others", "offer_again", "which_opening"),
}
PHONE_QUESTIONS = ("contact", "callback_phone", "phone_for_code")
MENU = (cues.BOOK, cues.PRICES, cues.ADDRESS_HOURS)


def step(
    state: Mapping[str, Any] | None, understanding: Understanding, desk: Desk, *, text: str, silent: bool = False
) -> Turn:
    """Answer one message (or one burst of them, joined by line breaks).

    `state` is what the last turn returned (None or {} at first). `silent`: a person leads the conversation, so facts
    about the client are noted and nothing is said or done."""
    memory = Memory.load(state, now=desk.now)
    talk = Talk(memory, _told_by_buttons(understanding, text, memory), desk, text)
    before = memory.wants()
    if silent or memory.stopped:
        _note(talk)
    elif _is_spam(talk):
        talk.facts["spam"] = True
    else:
        _respond(talk)
        _watch_for_machines(talk, before)
    memory.last_at = desk.now
    memory.topic = _topic(talk)
    memory.stage = _stage(talk)
    return Turn(memory.dump(), talk.says, talk.acted, talk.facts, memory.stage)


def await_confirmation(state: Mapping[str, Any] | None, appointment_id: int) -> dict[str, Any]:
    """The state after a reminder asked whether the client will come: the next «да» confirms that appointment.

    What was being arranged when it came is kept, and goes on when the client comes back to it."""
    asked = {"task": "", "awaiting": "confirm_visit", "appointment_id": appointment_id}
    return {**_current(state), **asked}


def hand_back(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """The state after a person gave the conversation back to the assistant: it answers again and has patience again."""
    dropped = ("handed", "told_waiting", "told_urgent", "stopped", "misses", "idle", "turns", "answered")
    return {key: value for key, value in _current(state).items() if key not in dropped}


def stop(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """The state after somebody answered who does not lead the conversation: nothing more is said until it is given
    back, or the client returns after a long pause."""
    return {**_current(state), "stopped": True}


def arranged(state: Mapping[str, Any] | None, *, now: datetime) -> dict[str, Any]:
    """The state after a person arranged the client's visit: what was being asked for it is asked no more."""
    memory = Memory.load(state, now=now)
    memory.finish_task()
    return memory.dump()


def as_answer(
    state: Mapping[str, Any] | None, understanding: Understanding, text: str, *, price_list: Sequence[ServiceInfo] = ()
) -> Understanding:
    """What a message means after what was said before: the phone that was asked for is no request to call, «а маникюр?»
    after a price asks for another one, and who is about to book and asks for another hour moves no visit.

    Two services that one line of the price list holds are that line."""
    memory = _current(state)
    awaiting, task = memory.get("awaiting", ""), memory.get("task", "")
    if understanding.intent == "spam" and awaiting and _is_short_answer(understanding, text):
        return _meant(understanding, "other")
    if understanding.intent == "reschedule" and task == "booking" and not cues.speaks_of_moving(text):
        return _meant(understanding, "booking")
    if understanding.intent == "callback_request" and _is_phone_asked_for(awaiting, understanding, text):
        return _meant(understanding, "other")
    if awaiting == "addition" and understanding.intent in ("booking", "consultation") and cues.says_yes(text):
        return _meant(understanding, "other")
    if meant := _meant_before(memory, understanding, text):
        return _meant(understanding, meant)
    return _with_combined(understanding, price_list) if understanding.intent == "booking" else understanding


def _meant(understanding: Understanding, intent: Intent) -> Understanding:
    return replace(understanding, intent=intent, intents=(intent,), is_spam=False)


def _meant_before(memory: Mapping[str, Any], understanding: Understanding, text: str) -> Intent | None:
    """The intent that the conversation gives to words that have none by themselves; None: they have."""
    if understanding.intent not in ("consultation", "other", "promo_question") or cues.asks_address(text):
        return None
    if wants.asks_if_open(text):
        return "consultation"
    if wants.as_usual(text) and memory.get("task", "") in ("", "booking"):
        return "booking"
    slots, topic = understanding.slots, memory.get("topic", "")
    goes_on, short = wants.follows_up(text), len(cues.tokens(text)) <= 8
    if memory.get("awaiting", "") in TIME_QUESTIONS and short:
        of_time = bool(slots.datetime or cues.time_change(text) or wants.any_person(text))
        of_visit = goes_on and (wants.asks_person(text) or (bool(slots.service) and topic != "price"))
        if of_time or of_visit:
            return "reschedule" if memory.get("task") == "reschedule" else "booking"
    if goes_on and topic == "price" and understanding.intent != "promo_question" and not cues.asks_if_available(text):
        return "price_question"
    return None


def _with_combined(understanding: Understanding, price_list: Sequence[ServiceInfo]) -> Understanding:
    slots = understanding.slots.service
    ids = [slot.service_id for slot in slots if slot.service_id is not None]
    line = choices.combined(ids, price_list)
    if line == ids:
        return understanding
    kept = {slot.service_id: slot.text for slot in slots}
    joined = tuple(ServiceSlot(kept.get(each) or " и ".join(slot.text for slot in slots), each) for each in line)
    return replace(understanding, slots=replace(understanding.slots, service=joined))


def _is_phone_asked_for(awaiting: str, understanding: Understanding, text: str) -> bool:
    return awaiting in PHONE_QUESTIONS and bool(understanding.slots.phone) and not cues.wants_call(text)


def _current(state: Mapping[str, Any] | None) -> dict[str, Any]:
    """A copy of a stored state; an empty one when there is none or its version is unknown."""
    fresh = Memory().dump()
    return dict(state) if state and state.get("version") == fresh["version"] else fresh


def _told_by_buttons(understanding: Understanding, text: str, memory: Memory) -> Understanding:
    """A tapped menu label says its intent by itself."""
    intent: Intent | None = cues.MENU.get(cues.plain(text))  # type: ignore[assignment]  # the menu holds intents only
    if intent is None or memory.awaiting == "offer_booking":
        return understanding
    return replace(understanding, intent=intent, intents=(intent,), confidence=1.0, is_spam=False)


def _is_spam(talk: Talk) -> bool:
    """Spam gets no answer; one that answers our question, or comes from a known client, is none."""
    understanding, memory = talk.understanding, talk.memory
    if not (understanding.is_spam or understanding.intent == "spam") or talk.desk.client.is_returning:
        return False
    return not (memory.awaiting and _is_short_answer(understanding, talk.text))


def _is_short_answer(understanding: Understanding, text: str) -> bool:
    slots = understanding.slots
    short = cues.says_yes(text) or cues.says_no(text) or bool(cues.code(text))
    told = bool(slots.phone or slots.name or slots.service or slots.datetime)
    return len(text) <= SHORT_ANSWER and (short or told or len(cues.tokens(text)) <= 3)


def _note(talk: Talk) -> None:
    """A person leads: keep who the client is and what is wanted, for when the conversation comes back."""
    facts.take_contact(talk)
    memory = talk.memory
    memory.services = talk.named_services or memory.services
    memory.offered, memory.awaiting = [], memory.awaiting if memory.awaiting == "confirm_visit" else ""
    memory.greeted = True


def _respond(talk: Talk) -> None:
    memory, desk = talk.memory, talk.desk
    understanding = talk.understanding
    memory.turns += 1
    if cues.in_danger(talk.text):
        handover.danger(talk)
        return
    greeting_is_due = not memory.greeted
    if greeting_is_due:
        talk.say("greeting", business=desk.business_name, acts=False)
        memory.greeted = True
    if cues.wants_person(talk.text):
        handover.person(talk)
    elif kind := cues.data_request(talk.text):
        handover.data_request(talk, kind)
    elif cues.asks_own_visit(talk.text):
        visits.show(talk)
    elif wants.late(talk.text) is not None and visits.late(talk):
        memory.misses = 0
    elif _is_urgent(talk):
        handover.urgent(talk)
    elif memory.awaiting != "confirm_visit" and cues.keeps_visit(talk.text) and visits.keep(talk):
        memory.misses = 0
    elif _answers_question(talk):
        memory.misses = 0 if talk.acted else memory.misses
    elif understanding.intent == "complaint":
        handover.complaint(talk, urgent=understanding.urgency == "high")
    else:
        _act(talk, greeting_is_due=greeting_is_due)


def _is_urgent(talk: Talk) -> bool:
    """Said once is enough: then the visit is arranged like any other. A sick client who cancels just cancels."""
    understanding = talk.understanding
    if understanding.urgency != "high" or understanding.intent in ("complaint", "cancel", "reschedule"):
        return False
    return not talk.memory.told_urgent


def _answers_question(talk: Talk) -> bool:
    """Whether the message was taken as the answer to the last question."""
    memory, understanding = talk.memory, talk.understanding
    answer = ANSWERS.get(memory.awaiting)
    if answer is None or understanding.intent == "complaint":
        return False
    pinned = ("confirm_visit", "move_or_cancel", "cancel_sure", "which")
    if memory.awaiting not in pinned and understanding.intent in ("cancel", "reschedule") and _is_sure(talk):
        return False
    asks = {"price_question", "promo_question", "consultation", "callback_request"} & set(_intents(talk))
    if _is_phone_asked_for(memory.awaiting, understanding, talk.text):
        asks.discard("callback_request")
    if asks and _is_sure(talk) and not _only_tapped(talk):
        return False
    return answer(talk)


def _only_tapped(talk: Talk) -> bool:
    """A reply so short (digits apart) that it can only be an answer, whatever the engine made of it."""
    return (
        sum(word[0].isalpha() for word in cues.tokens(talk.text)) <= 5
        and not cues.asks(talk.text)
        and cues.plain(talk.text) not in cues.MENU
    )


def _act(talk: Talk, *, greeting_is_due: bool) -> None:
    """Do what the message wants by itself: answer every question in it, then the one thing to be done."""
    memory = talk.memory
    if cues.thanks(talk.text) and not talk.named_services and not talk.slot:
        talk.say("thanks_reply", acts=False)
        return
    pending = memory.awaiting
    if wants.finds_dear(talk.text) and memory.topic == "price" and not talk.named_services:
        memory.misses = 0
        questions.dear(talk)
        _ask_again(talk, pending)
        return
    wanted = _intents(talk) if _is_sure(talk) else _evident(talk)
    if not wanted:
        _small_talk(talk, pending, greeting_is_due=greeting_is_due)
        return
    memory.misses = 0
    asked = [intent for intent in wanted if intent in ("price_question", "promo_question", "consultation")]
    if "promo_question" not in asked:
        questions.note_promo(talk)
    action = next((intent for intent in wanted if intent in ACTIONS), None)
    if "price_question" in asked:
        questions.price(talk)
    if "promo_question" in asked:
        questions.promo(talk)
    if "consultation" in asked:
        questions.information(talk, alone=len(wanted) == 1)
    if action == "cancel" and "booking" in wanted:
        memory.then = "booking"
    if action:
        ACTIONS[action](talk)
    elif pending == "offer_booking" and talk.says:
        talk.says[-1] = replace(talk.says[-1], choices=(cues.BOOK,))  # offered in words just before
    elif pending and not talk.handed_stage:
        _ask_again(talk, pending)
    elif talk.acted and memory.awaiting not in ("price_service", "unknown_service") and not memory.handed:
        questions.offer_to_book(talk)
    if "complaint" in wanted:
        handover.complaint(talk, urgent=talk.understanding.urgency == "high")


ACTIONS: dict[str, Callable[[Talk], None]] = {
    "cancel": visits.start_cancel,
    "reschedule": visits.start_move,
    "booking": booking.start,
    "callback_request": questions.callback,
}


def _intents(talk: Talk) -> list[Intent]:
    """What the message wants, the primary first; a service or a time alone wants a booking."""
    understanding = talk.understanding
    wanted = [understanding.intent, *understanding.intents]
    wanted = [intent for intent in dict.fromkeys(wanted) if intent not in ("other", "spam")]
    return wanted or _evident(talk)


def _evident(talk: Talk) -> list[Intent]:
    """What can be read without trusting the engine's guess at the intent."""
    if wants.asks_plainly(talk.text):
        return ["consultation"]
    if talk.named_services and "?" in talk.text and talk.memory.awaiting == "offer_booking":
        return ["price_question"]  # «а мужская стрижка?» after a price
    if talk.named_services or (talk.slot and talk.memory.task == "booking"):
        return ["booking"]
    return []


def _is_sure(talk: Talk) -> bool:
    return talk.understanding.confidence >= talk.desk.min_confidence


def _small_talk(talk: Talk, pending: str, *, greeting_is_due: bool) -> None:
    """A greeting, or something that says nothing we can act on."""
    if talk.memory.cold and not pending and talk.memory.task == "booking" and talk.memory.services:
        talk.memory.misses = 0
        booking.carry_on(talk)  # what was offered yesterday may be gone
    elif cues.only_greets(talk.text) and not pending:
        talk.memory.misses = 0
        talk.say("how_to_help", choices=MENU)
    elif not pending and _is_sure(talk) and "?" in talk.text and questions.knowledge(talk):
        talk.memory.misses = 0
    elif cues.only_greets(talk.text):
        _ask_again(talk, pending)
    elif not greeting_is_due and pending in ("", "offer_booking", "price_service") and wants.acknowledges(talk.text):
        talk.say("acknowledged", acts=False)
    elif greeting_is_due and talk.understanding.intent == "other" and _is_sure(talk):
        talk.memory.misses += 1
        talk.say("how_to_help", choices=MENU)
    elif pending and talk.memory.handed and not talk.memory.misses:
        talk.memory.misses += 1
        _ask_again(talk, pending)
    else:
        talk.not_understood()
        if pending and not talk.memory.handed:
            _ask_again(talk, pending)
        talk.acted = False


def _ask_again(talk: Talk, pending: str) -> None:
    """Come back to the question that stood before the message asked something else."""
    memory = talk.memory
    memory.awaiting = pending
    if pending == "choice" and memory.offered:
        offers.offer_again(talk)
    elif pending == "contact" and memory.held:
        taking.ask_missing(talk)
    elif pending == "consent":
        taking.ask_consent(talk)
    elif pending == "service":
        booking.ask_service(talk)
    elif pending == "time":
        talk.say("ask_time", choices=(cues.ANY_TIME,))
    elif pending == "offer_booking":
        questions.offer_to_book(talk)
    elif pending == "guest_name" and memory.held:
        taking.ask_missing(talk)
    elif pending == "confirm_booking" and memory.held:
        taking.ask_missing(talk, new_hold=True)
    elif pending == "callback_phone":
        talk.say("callback_ask_phone")
    elif pending == "phone_for_code":
        talk.say("ask_phone_for_code")


def _watch_for_machines(talk: Talk, before: tuple[Any, ...]) -> None:
    """Two bots must not talk for long: after enough answers that moved nothing we call a person and fall silent."""
    memory = talk.memory
    done = {"booked", "moved", "added", "cancelled", "confirmed", "phone_proven"} & set(talk.facts)
    memory.idle = 0 if done or memory.wants() != before else memory.idle + 1
    if memory.idle < IDLE_LIMIT and memory.turns < TURN_LIMIT:
        return
    memory.stopped = True
    talk.says = [] if memory.handed else [Say("hand_over")]
    talk.acted = False
    talk.hand_over("разговор не движется", key="")
    talk.facts["stopped"] = True


def _topic(talk: Talk) -> str:
    """What was spoken of, for the next «а ...?»; the question put last counts least."""
    keys = {say.key for say in talk.says}
    if {"booked", "moved", "cancelled"} & set(talk.facts) or talk.handed_stage:
        return ""
    return next((topic for topic, told in TOPICS.items() if set(told) & keys), talk.memory.topic)


def _stage(talk: Talk) -> str:
    """Where the conversation stands in the responsibility matrix; small talk leaves it where it was."""
    memory, intent = talk.memory, talk.understanding.intent
    if talk.handed_stage in ("complaint", "data_request"):
        return talk.handed_stage
    if memory.awaiting in ("confirm_visit", "move_or_cancel") or {"booked", "confirmed"} & set(talk.facts):
        return "confirmation"
    if memory.task or {"moved", "cancelled"} & set(talk.facts):
        return "booking"
    if intent not in ("other", "spam") or talk.handed_stage:
        return "qualification"
    return memory.stage or "first_contact"
