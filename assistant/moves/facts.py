"""What a message tells of the visit and of the client, noted in the memory."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from assistant import choices, cues, wants, words
from assistant.desk import Booked
from assistant.talk import Talk
from assistant.understanding import DateTimeSlot, Interval

WITHOUT_THAT = timedelta(days=14)  # how far to look when only a time to avoid was named
CORRECTION = re.compile(r"\bне\s+([а-яё]+)\s*,?\s*а\s+([а-яё]+)", re.IGNORECASE)


def take_facts(talk: Talk) -> bool:
    """Note service, time, person, name and phone that the message gives; True when the visit itself changed."""
    memory = talk.memory
    take_contact(talk)
    changed = False
    if (named := talk.named_services) and memory.task != "reschedule":
        if cues.adds(talk.text) and memory.services:
            named = list(dict.fromkeys(memory.services + named))
        named = choices.combined(named, talk.desk.services())
        changed = named != memory.services
        memory.services = named
    if memory.task == "booking":
        changed |= take_guest(talk)
    changed |= take_staff(talk)
    if _shift_wish(talk):
        changed = True
    elif talk.slot and not _is_held(talk, talk.slot):
        take_wish(talk, talk.slot)
        changed = True
    return changed


def take_guest(talk: Talk) -> bool:
    """Note that the visit is for somebody else, or that somebody comes along; True when that is new."""
    memory = talk.memory
    before = (memory.guest, memory.beside, tuple(memory.guest_services))
    comes_along, companion = wants.together(talk.text)
    guest = companion if comes_along else wants.guest(talk.text)
    if comes_along:
        memory.beside = True
    if guest:
        memory.guest = guest.nom
    if memory.beside and len(talk.named_services) == 2 and (comes_along or guest):
        named = talk.named_services[::-1] if wants.names_guest_first(talk.text) else talk.named_services
        memory.services, memory.guest_services = named[:1], _for_guest(talk, named[1:])
    elif memory.beside and memory.services and (comes_along or talk.named_services):
        memory.guest_services = _for_guest(talk, memory.services)
    elif guest and not memory.beside:
        memory.services = _for_guest(talk, memory.services)
    return before != (memory.guest, memory.beside, tuple(memory.guest_services))


def _for_guest(talk: Talk, service_ids: list[int]) -> list[int]:
    guest = wants.RELATIONS.get(talk.memory.guest)
    if guest is None:
        return list(service_ids)
    everything = talk.desk.services()
    return [
        choices.fitting(each, everything, is_male=guest.is_male, is_child=guest.is_child).id
        for each in talk.services(service_ids)
    ]


def _shift_wish(talk: Talk) -> bool:
    """«на час позже» counts from the time on the table, when there is one, else from the visit that is moved."""
    memory, by = talk.memory, shift(talk)
    start = _spoken_of(talk)
    if by is None or start is None:
        return False
    memory.wish, memory.near, memory.shown = choices.point(talk.local(start) + by), "", []
    return True


def shift(talk: Talk) -> timedelta | None:
    """By how much the client wants it later (or, negative, earlier)."""
    return cues.shift(talk.text) or wants.shift_days(talk.text)


def _spoken_of(talk: Talk) -> datetime | None:
    memory = talk.memory
    if memory.held:
        return memory.held.start
    if len(memory.offered) == 1:
        return memory.offered[0].start
    visit = moved_visit(talk)
    return visit.start if visit else None


def moved_visit(talk: Talk) -> Booked | None:
    """The appointment that the client moves to another time, while it is being moved."""
    memory = talk.memory
    if memory.task != "reschedule" or memory.appointment_id is None:
        return None
    return next((each for each in talk.desk.appointments() if each.id == memory.appointment_id), None)


def _is_held(talk: Talk, slot: DateTimeSlot) -> bool:
    """The client only repeats the time that is held already."""
    held = talk.memory.held
    return held is not None and slot.grain == "minute" and slot.start == talk.local(held.start)


def take_wish(talk: Talk, slot: DateTimeSlot) -> None:
    memory = talk.memory
    if choices.ruled_out(talk.text, slot):
        avoided = Interval(slot.start, slot.end, slot.grain)
        memory.wish = choices.span(talk.now, talk.now + WITHOUT_THAT, exclude=(avoided,))
        memory.near, memory.shown = "", []
        return
    starts = [talk.local(opening.start) for opening in memory.offered]
    if memory.held:
        starts = [talk.local(memory.held.start)]
    memory.wish, memory.near = choices.join_wishes(slot, memory.wish, starts)
    if memory.held and slot.grain == "day":
        memory.near = words.clock(starts[0])
    memory.shown = []


def take_staff(talk: Talk) -> bool:
    """Note who is wanted or not wanted; True when that changed."""
    memory = talk.memory
    if talk.renamed:
        return False
    before = (memory.staff_id, memory.not_staff_id)
    if wants.any_person(talk.text):
        memory.staff_id = memory.not_staff_id = None
        return before != (None, None)
    bare = memory.awaiting == "choice"
    wanted, refused = choices.staff_meant(talk.text, talk.staff, bare=bare)
    if len(wanted) > 1:
        able = {person.id for person in talk.desk.staff(memory.services)} if memory.services else set(wanted)
        wanted = [each for each in wanted if each in able] or wanted
        memory.staff_options = wanted if len(wanted) > 1 else []
    if memory.staff_options:
        memory.staff_id = memory.not_staff_id = None
        return True
    if wanted:
        memory.staff_id, memory.not_staff_id = wanted[0], None
    elif refused:
        memory.staff_id, memory.not_staff_id = None, refused[0]
    if wanted and refused:
        memory.not_staff_id = refused[0]
    return before != (memory.staff_id, memory.not_staff_id)


def take_contact(talk: Talk) -> bool:
    """Keep the name and phone of the message; True when it gave any."""
    memory, slots = talk.memory, talk.understanding.slots
    phone = slots.phone[0].e164 if slots.phone else ""
    name = slots.name[0].text if slots.name else ""
    if name and _is_staff(talk, name):
        name = ""
    if guest_name := wants.guest_name(talk.text, name):
        memory.guest_name, name = guest_name, ""
    if memory.awaiting == "guest_name":
        name = ""
    if corrected := _corrected_name(talk):
        name, talk.renamed = corrected, True
    if not (name or talk.renamed or cues.gives_up(talk.text)) and memory.awaiting == "contact":
        name = cues.given_name(talk.text, without=tuple(slot.text for slot in slots.phone))
    if phone and phone != talk.desk.client.phone:
        talk.desk.remember(phone=phone)
    if name and name != talk.desk.client.name:
        talk.desk.remember(name=name)
    memory.phone = phone or memory.phone
    memory.name = name or memory.name
    return bool(phone or name)


def _is_staff(talk: Talk, name: str) -> bool:
    """«к Ольге» names the person to come to, whatever the engine took it for."""
    wanted, refused = choices.staff_meant(talk.text, talk.staff, bare=False)
    asked = [person.name for person in talk.staff if person.id in (*wanted, *refused)]
    return any(choices.same_name(part, full) for part in cues.tokens(name) for full in asked)


def _corrected_name(talk: Talk) -> str:
    """«не Анна, а Ольга» when Анна is what we call the client."""
    found = CORRECTION.search(talk.text)
    known = talk.memory.name or talk.desk.client.name
    return found[2].capitalize() if found and found[1].casefold() == known.casefold() else ""


def drop_hold(talk: Talk) -> None:
    if talk.memory.hold_id is not None:
        talk.desk.release(talk.memory.hold_id)
    talk.memory.forget_hold()


def end(talk: Talk) -> None:
    """The task is over: nothing stays held for it."""
    drop_hold(talk)
    talk.memory.finish_task()
