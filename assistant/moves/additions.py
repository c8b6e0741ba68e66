"""What the business likes to offer with a visit: once, after it is booked, and let go at the first no."""

from __future__ import annotations

from assistant import cues, words
from assistant.desk import Booked
from assistant.talk import Talk


def offer(talk: Talk, booked: Booked) -> None:
    """Offer one more service for the visit that was just booked, where there is one and the hour is right for it."""
    memory = talk.memory
    if booked.then or booked.for_whom or memory.handed or memory.told_urgent or talk.understanding.price_sensitive:
        return
    addition = talk.desk.addition(booked.id)
    if addition is None:
        return
    memory.awaiting = "addition"
    memory.appointment_id, memory.addition = booked.id, addition.service.id
    talk.facts["offered_besides"] = addition.service.id
    line, labels = talk.price_lines([addition.service]), (cues.YES, cues.NO)
    if addition.pitch:
        talk.say("upsell_own", pitch=addition.pitch, offer=line, choices=labels)
    else:
        talk.say("upsell", offer=line, choices=labels)


def answer(talk: Talk) -> bool:
    """An answer to «добавить?»; whatever else is said, it is not asked again."""
    memory = talk.memory
    visit_id, service_id = memory.appointment_id, memory.addition
    memory.awaiting, memory.appointment_id, memory.addition = "", None, None
    if visit_id is None or service_id is None or talk.slot:
        return False
    if cues.says_no(talk.text) or cues.gives_up(talk.text):
        talk.desk.decline_addition(visit_id)
        talk.say("upsell_declined")
    elif cues.says_yes(talk.text) or _names_it(talk, service_id):
        _add(talk, visit_id, service_id)
    else:
        return False
    return True


def _names_it(talk: Talk, service_id: int) -> bool:
    """«добавьте», «и укладку тоже»."""
    said = cues.plain(talk.text)
    return "запис" not in said and (service_id in talk.named_services or said.startswith(("добав", "хочу", "хотим")))


def _add(talk: Talk, visit_id: int, service_id: int) -> None:
    added = talk.desk.add(visit_id, service_id)
    if added is None:
        talk.say("upsell_gone")
        return
    talk.facts["added"] = service_id
    names = [name for part in added.parts for name in part.service_names]
    lower = sum(part.price_kopecks for part in added.parts)
    upper = sum(part.price_to_kopecks or part.price_kopecks for part in added.parts)
    price = words.price_range(lower, upper)
    talk.say("upsell_added", service=words.names(names), when=talk.moment(added.start), price=price)
