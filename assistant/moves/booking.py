"""A booking from its first word: the service, the time, then who it is for; only what is missing is asked."""

from __future__ import annotations

from collections.abc import Sequence

from assistant import choices, cues, wants, words
from assistant.moves import facts, offers, taking, times
from assistant.talk import LISTED_SERVICES, Talk
from assistant.understanding import ServiceInfo


def start(talk: Talk) -> None:
    """The client wants to book: take all that the message gives, then ask for the next missing thing."""
    memory = talk.memory
    if memory.task not in ("booking", ""):
        memory.finish_task()
    memory.task = "booking"
    changed = facts.take_facts(talk)
    if changed:
        facts.drop_hold(talk)
    if _recall(talk):
        return
    if not memory.services and not _guess_services(talk):
        return
    carry_on(talk, changed=changed)


def _recall(talk: Talk) -> bool:
    """«как обычно», «к тому же мастеру»: what the last visit was; True when a question was asked."""
    memory = talk.memory
    usual, same = wants.as_usual(talk.text), wants.same_person(talk.text)
    if not (usual or same) or (usual and not same and talk.named_services):
        return False
    last = talk.desk.last_visit()
    if last is None:
        talk.say("usual_unknown", choices=talk.service_labels(_put_forward(talk, talk.desk.services())))
        return True
    if any(person.id == last.staff_id for person in talk.staff):
        memory.staff_id = last.staff_id
    if talk.named_services:
        return False
    memory.services = [service.id for service in talk.services(last.service_ids)]
    if not memory.services:
        return False
    memory.awaiting = "usual"
    labels = (cues.YES, cues.NO)
    talk.say("usual_confirm", service=talk.service_words(memory.services), staff=last.staff_name, choices=labels)
    return True


def answer_usual(talk: Talk) -> bool:
    """An answer to «записать так же?»; another service, person or time is taken too."""
    memory = talk.memory
    if cues.gives_up(talk.text):
        return taking.decline(talk)
    changed = facts.take_facts(talk)
    if not changed and cues.says_no(talk.text):
        memory.services, memory.staff_id = [], None
        ask_service(talk)
        return True
    if not (changed or cues.says_yes(talk.text)):
        return False
    times.find_time(talk)
    return True


def carry_on(talk: Talk, *, changed: bool = False) -> None:
    """The next missing thing of a booking or a move: service, time, then who it is for."""
    memory = talk.memory
    if not memory.services:
        ask_service(talk)
    elif memory.hold_id is None:
        if memory.offered and not changed:
            offers.offer_again(talk)
        else:
            times.find_time(talk)
    else:
        taking.ask_missing(talk)


def ask_service(talk: Talk) -> None:
    talk.memory.task = talk.memory.task or "booking"
    talk.say("ask_service", choices=talk.service_labels(_put_forward(talk, talk.desk.services())))


def _guess_services(talk: Talk) -> bool:
    """Find the service by the words of the message; False when the client has to be asked (and was)."""
    said = " ".join(slot.text for slot in talk.understanding.slots.service)
    if not said and talk.memory.awaiting == "service":
        said = talk.text
    candidates = choices.services_called(said, talk.desk.services()) if said else []
    if len(candidates) == 1:
        talk.memory.services = [candidates[0].id]
        return True
    if not said and not _names_unknown(talk):
        ask_service(talk)
    elif not candidates:
        unknown_service(talk)
    else:
        shown = _put_forward(talk, candidates)
        names = words.numbered(service.name for service in shown)
        talk.say("which_service", services=names, choices=talk.service_labels(shown))
    return False


def _names_unknown(talk: Talk) -> bool:
    """«на шиномонтаж»: a thing to be done that the price list does not know."""
    slots = talk.understanding.slots
    told = [slot.text for slot in (*slots.datetime, *slots.phone, *slots.name, *slots.geo, *slots.promo)]
    return wants.unknown_thing(talk.text, talk.known_words, without=told, led=True)


def unknown_service(talk: Talk) -> None:
    """We do not do that: say so; who insists is answered by a person."""
    if "unknown" in talk.memory.answered:
        talk.hand_over("просит услугу, которой нет в прайсе")
        return
    talk.once("unknown")
    talk.memory.awaiting = "unknown_service"
    talk.say("service_unknown", choices=(cues.PRICES, cues.PERSON))


def answer_unknown_service(talk: Talk) -> bool:
    """An answer to «показать цены или позвать администратора?»; a service named instead is taken by itself."""
    memory = talk.memory
    memory.awaiting = ""
    if talk.named_services:
        return False
    if cues.says_no(talk.text) or cues.gives_up(talk.text):
        return taking.decline(talk)
    if not cues.says_yes(talk.text):
        return False
    memory.options = [service.id for service in talk.desk.services()[:LISTED_SERVICES]]
    memory.awaiting = "price_service"
    talk.say("price_list", prices=talk.price_lines(talk.services(memory.options)))
    return True


def _put_forward(talk: Talk, services: Sequence[ServiceInfo]) -> list[ServiceInfo]:
    """The services that the next reply may choose from."""
    shown = list(services[:LISTED_SERVICES])
    talk.memory.awaiting = "service"
    talk.memory.options = [service.id for service in shown]
    return shown


def answer_service(talk: Talk) -> bool:
    """An answer to «на какую услугу»."""
    memory = talk.memory
    options = talk.services(memory.options)
    index = choices.labelled(talk.text, [service.name[:40] for service in options])
    if index is None:
        index = choices.numbered_choice(talk.text, len(options))
    if index is not None:
        facts.take_facts(talk)
        memory.services = [options[index].id]
    elif talk.named_services:
        facts.take_facts(talk)
    else:
        narrowed = choices.services_named(talk.text, options) or choices.services_named(talk.text, talk.desk.services())
        if len(narrowed) != 1:
            return False
        facts.take_facts(talk)
        memory.services = [narrowed[0].id]
    memory.options = []
    carry_on(talk, changed=True)
    return True


def answer_contact(talk: Talk) -> bool:
    """An answer to «имя и телефон»; a change of mind about the visit is taken too."""
    gave_contact = facts.take_contact(talk)
    if cues.consents(talk.text) and talk.understanding.slots.phone:
        talk.desk.give_consent()
    if not (gave_contact or talk.slot) and (cues.says_no(talk.text) or cues.gives_up(talk.text)):
        return taking.decline(talk)
    if _revised(talk):
        return True
    if gave_contact or cues.says_yes(talk.text):
        taking.ask_missing(talk)
        return True
    if len([sign for sign in talk.text if sign.isdigit()]) >= 6:
        talk.not_understood("phone_wrong")
        return True
    return False


def answer_consent(talk: Talk) -> bool:
    if cues.refuses_consent(talk.text):
        facts.drop_hold(talk)
        talk.memory.awaiting = ""
        talk.facts["consent"] = False
        talk.hand_over("не дал согласие", stage="booking", key="consent_refused")
        return True
    if cues.consents(talk.text) or cues.says_yes(talk.text):
        talk.desk.give_consent()
        talk.facts["consent"] = True
        facts.take_contact(talk)
        taking.ask_missing(talk)
        return True
    corrected = facts.take_contact(talk)
    if _revised(talk):
        return True
    if corrected:
        taking.ask_missing(talk)
    return corrected


def answer_confirm(talk: Talk) -> bool:
    """An answer to «записываем?»."""
    if _revised(talk):
        return True
    if cues.time_change(talk.text):
        held = talk.memory.held
        facts.drop_hold(talk)
        talk.memory.offered = [held] if held else []
        return times.offer_more(talk, cues.time_change(talk.text))
    if cues.says_no(talk.text):
        return taking.decline(talk)
    if cues.says_yes(talk.text):
        taking.finish(talk)
        return True
    return False


def _revised(talk: Talk) -> bool:
    """The client changed the visit while it was held: look for it anew."""
    memory = talk.memory
    if talk.understanding.intent in ("cancel", "price_question"):
        return False
    if not facts.take_facts(talk):
        return False
    facts.drop_hold(talk)
    memory.offered = []
    times.find_time(talk)
    return True
