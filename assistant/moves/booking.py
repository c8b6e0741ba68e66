"""Booking and moving: ask only for what is missing, offer real openings, hold one, book or move to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from assistant import choices, cues, words
from assistant.desk import Opening
from assistant.talk import LISTED_SERVICES, Talk
from assistant.understanding import DateTimeSlot, Interval

CORRECTION = re.compile(r"\bне\s+([а-яё]+)\s*,?\s*а\s+([а-яё]+)", re.IGNORECASE)
LOOKED_AT = 60  # openings asked of the desk to pick three from
LOOK_AHEAD = timedelta(days=14)  # after the wished day


def start(talk: Talk) -> None:
    """The client wants to book: take all that the message gives, then ask for the next missing thing."""
    memory = talk.memory
    if memory.task not in ("booking", ""):
        memory.finish_task()
    memory.task = "booking"
    changed = take_facts(talk)
    if changed:
        drop_hold(talk)
    if not memory.services and not _guess_services(talk):
        return
    carry_on(talk, changed=changed)


def carry_on(talk: Talk, *, changed: bool = False) -> None:
    """The next missing thing of a booking or a move: service, time, then who it is for."""
    memory = talk.memory
    if not memory.services:
        ask_service(talk)
    elif memory.hold_id is None:
        if memory.offered and not changed:
            offer_again(talk)
        else:
            find_time(talk)
    else:
        ask_missing(talk)


def take_facts(talk: Talk) -> bool:
    """Note service, time, person, name and phone that the message gives; True when the visit itself changed."""
    memory = talk.memory
    take_contact(talk)
    changed = False
    if (named := talk.named_services) and memory.task != "reschedule":
        if cues.adds(talk.text) and memory.services:
            named = list(dict.fromkeys(memory.services + named))
        changed = named != memory.services
        memory.services = named
    changed |= take_staff(talk)
    if talk.slot and not _is_held(talk, talk.slot):
        take_wish(talk, talk.slot)
        changed = True
    return changed


def _is_held(talk: Talk, slot: DateTimeSlot) -> bool:
    """The client only repeats the time that is held already."""
    held = talk.memory.held
    return held is not None and slot.grain == "minute" and slot.start == talk.local(held.start)


def take_wish(talk: Talk, slot: DateTimeSlot) -> None:
    memory = talk.memory
    starts = [talk.local(opening.start) for opening in memory.offered]
    if memory.held:
        starts = [talk.local(memory.held.start)]
    memory.wish, memory.near = choices.join_wishes(slot, memory.wish, starts)
    memory.shown = []


def take_staff(talk: Talk) -> bool:
    """Note who is wanted or not wanted; True when that changed."""
    memory = talk.memory
    if talk.renamed:
        return False
    before = (memory.staff_id, memory.not_staff_id)
    bare = memory.awaiting == "choice"
    wanted, refused = choices.staff_meant(talk.text, talk.desk.staff(), bare=bare)
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


def _corrected_name(talk: Talk) -> str:
    """«не Анна, а Ольга» when Анна is what we call the client."""
    found = CORRECTION.search(talk.text)
    known = talk.memory.name or talk.desk.client.name
    return found[2].capitalize() if found and found[1].casefold() == known.casefold() else ""


def ask_service(talk: Talk) -> None:
    talk.memory.task = talk.memory.task or "booking"
    _offer_services(talk, [service.id for service in talk.desk.services()], "ask_service")


def _guess_services(talk: Talk) -> bool:
    """Find the service by the words of the message; False when the client has to be asked (and was)."""
    memory = talk.memory
    said = " ".join(slot.text for slot in talk.understanding.slots.service)
    if not said and memory.awaiting == "service":
        said = talk.text
    candidates = choices.services_named(said, talk.desk.services()) if said else []
    if len(candidates) == 1:
        memory.services = [candidates[0].id]
        return True
    if candidates:
        ids = [service.id for service in candidates]
        _offer_services(talk, ids, "which_service", services=_names(talk, ids))
    elif talk.understanding.slots.service:
        ids = [service.id for service in talk.desk.services()]
        _offer_services(talk, ids, "service_unknown", services=_names(talk, ids))
    else:
        ask_service(talk)
    return False


def _offer_services(talk: Talk, ids: Sequence[int], key: str, **params: str) -> None:
    memory = talk.memory
    memory.awaiting = "service"
    memory.options = list(ids[:LISTED_SERVICES])
    talk.say(key, choices=talk.service_labels(talk.services(memory.options)), **params)


def _names(talk: Talk, ids: Sequence[int]) -> str:
    return words.numbered(service.name for service in talk.services(ids[:LISTED_SERVICES]))


def answer_service(talk: Talk) -> bool:
    """An answer to «на какую услугу»."""
    memory = talk.memory
    options = talk.services(memory.options)
    index = choices.labelled(talk.text, [service.name[:40] for service in options])
    if index is None:
        index = choices.numbered_choice(talk.text, len(options))
    if index is not None:
        take_facts(talk)
        memory.services = [options[index].id]
    elif talk.named_services:
        take_facts(talk)
    else:
        narrowed = choices.services_named(talk.text, options) or choices.services_named(talk.text, talk.desk.services())
        if len(narrowed) != 1:
            return False
        take_facts(talk)
        memory.services = [narrowed[0].id]
    memory.options = []
    carry_on(talk, changed=True)
    return True


@dataclass(frozen=True)
class Found:
    """Openings to offer and how they stand to the wish: exact, near (another time then) or none."""

    openings: list[Opening]
    exact: bool
    other_staff: bool = False


def find_time(talk: Talk) -> None:
    """Offer openings for the wish, or hold the one that it names exactly."""
    memory = talk.memory
    _drop_past_wish(talk)
    if memory.wish and memory.wish.alternatives:
        if _ask_reading(talk, memory.wish):
            return
    memory.readings = []
    wish = memory.wish
    closed = _closed_then(talk, wish)
    found = search(talk)
    if not found.openings:
        memory.awaiting = ""
        talk.hand_over("no openings", stage="booking", key="no_openings")
        return
    if found.other_staff:
        talk.say("other_staff", staff=_staff_name(talk, memory.staff_id))
        memory.staff_id = None
    if found.exact and wish and wish.grain == "minute" and len(found.openings) == 1 and not memory.shown:
        if take_opening(talk, found.openings[0]):
            return
        found = search(talk)
    if closed and wish:
        when = words.capital(words.wish(wish, talk.now))
        talk.say("closed_then", when=when, hours=talk.desk.opening_hours_text())
    offer(talk, found, told=closed)


def search(talk: Talk) -> Found:
    """The best three openings: as wished; then the same day; then from that day on; then any, and other people."""
    memory = talk.memory
    wishes: list[DateTimeSlot | None] = [memory.wish]
    if memory.wish:
        if choices.within_day(memory.wish) and not memory.wish.windows:
            wishes.append(choices.whole_days(memory.wish))
        day = datetime.combine(max(memory.wish.start, talk.now).date(), datetime.min.time())
        after = choices.span(max(day, talk.now), day + LOOK_AHEAD)
        wishes += [replace(after, exclude=memory.wish.exclude), None]
    for staff_id in dict.fromkeys((memory.staff_id, None)):
        for wish in wishes:
            openings = _ask_desk(talk, wish, staff_id)
            if openings:
                picked = _pick(talk, openings, wish)
                return Found(picked, exact=wish == memory.wish, other_staff=staff_id != memory.staff_id)
    return Found([], exact=False)


def _ask_desk(talk: Talk, wish: DateTimeSlot | None, staff_id: int | None) -> list[Opening]:
    memory = talk.memory
    openings = talk.desk.openings(
        memory.services, wish, limit=LOOKED_AT, staff_id=staff_id, exclude_starts=tuple(memory.shown)
    )
    return [opening for opening in openings if opening.staff_id != memory.not_staff_id or staff_id]


def _pick(talk: Talk, openings: list[Opening], wish: DateTimeSlot | None) -> list[Opening]:
    memory = talk.memory
    asked = memory.wish
    near = None
    if asked and choices.within_day(asked) and wish is not asked:
        near = talk.aware(asked.start)
    elif wish and memory.near:
        hour, minute = memory.near.split(":")
        near = talk.aware(wish.start.replace(hour=int(hour), minute=int(minute)))
    evenly = wish is not None and wish is asked and wish.grain in ("part", "day", "week", "month", "range")
    return choices.spread(openings, near=near, evenly=evenly)


def offer(talk: Talk, found: Found, *, told: bool = False) -> None:
    """Put the openings on the table. `told`: why the wished time is not among them was said already."""
    memory = talk.memory
    memory.offered = found.openings
    memory.awaiting = "choice"
    lines = talk.opening_lines(found.openings)
    labels = talk.opening_labels(found.openings, cues.OTHER)
    service = talk.service_words(memory.services)
    if found.exact or told or memory.wish is None:
        talk.say("offer_openings", openings=lines, service=service, choices=labels)
    else:
        wish = words.wish(memory.wish, talk.now)
        talk.say("offer_others", openings=lines, service=service, wish=wish, choices=labels)
    talk.facts["offered"] = [opening.start.isoformat() for opening in found.openings]


def offer_again(talk: Talk) -> None:
    memory = talk.memory
    memory.awaiting = "choice"
    labels = talk.opening_labels(memory.offered, cues.OTHER)
    talk.say("offer_again", openings=talk.opening_lines(memory.offered), choices=labels)


def answer_choice(talk: Talk) -> bool:
    """An answer to offered openings: one of them, other times, another day, another person."""
    memory = talk.memory
    slot = talk.slot
    if cues.gives_up(talk.text) and not slot:
        return decline(talk)
    meant = choices.openings_meant(talk.text, memory.offered, slot, local=talk.local)
    refuses_some = choices.staff_meant(talk.text, talk.desk.staff(), bare=True)[1]
    if meant and not refuses_some and not _negated(talk.text):
        take_contact(talk)
        if len(meant) == 1:
            if not take_opening(talk, meant[0], picked=True):
                offer_instead(talk)
        else:
            labels = talk.opening_labels(meant, cues.OTHER)
            memory.offered = meant
            talk.say("which_opening", openings=talk.opening_lines(meant), choices=labels)
        return True
    if talk.named_services and set(talk.named_services) - set(memory.services):
        return False
    gave_contact = take_contact(talk)
    if take_facts(talk):
        find_time(talk)
        return True
    if change := cues.time_change(talk.text):
        return _offer_more(talk, change)
    if cues.says_no(talk.text):
        return _offer_more(talk, "other")
    if cues.says_yes(talk.text):
        if len(memory.offered) == 1:
            take_opening(talk, memory.offered[0], picked=True) or offer_instead(talk)
        else:
            labels = talk.opening_labels(memory.offered, cues.OTHER)
            talk.say("which_opening", openings=talk.opening_lines(memory.offered), choices=labels)
        return True
    if gave_contact:
        offer_again(talk)
    return gave_contact


def _negated(text: str) -> bool:
    return cues.tokens(text)[:1] in (["нет"], ["не"]) or cues.time_change(text) == "other"


def _offer_more(talk: Talk, change: str) -> bool:
    """Other openings than those on the table: any, later or earlier ones."""
    memory = talk.memory
    memory.shown += [opening.start for opening in memory.offered]
    if change == "other" or not memory.offered:
        found = search(talk)
        if not found.openings:
            return _ask_time(talk, "no_more_openings")
        offer(talk, replace(found, exact=True))
        return True
    first, last = talk.local(memory.offered[0].start), talk.local(memory.offered[-1].start)
    if change == "later":
        window = choices.span(last + timedelta(minutes=1), last + LOOK_AHEAD)
    else:
        window = choices.span(talk.now, first)
    openings = _ask_desk(talk, window, memory.staff_id) if window.end and window.end > window.start else []
    if not openings:
        return _ask_time(talk, "no_more_openings")
    picked = choices.spread(openings) if change == "later" else choices.spread(openings, near=talk.aware(first))
    offer(talk, Found(picked, exact=True))
    return True


def _ask_time(talk: Talk, key: str = "ask_time") -> bool:
    talk.memory.awaiting = "time"
    talk.say(key, choices=(cues.ANY_TIME,))
    return True


def answer_time(talk: Talk) -> bool:
    """An answer to «на какой день и время»."""
    memory = talk.memory
    if (cues.says_no(talk.text) or cues.gives_up(talk.text)) and not talk.slot:
        return decline(talk)
    if cues.any_will_do(talk.text):
        take_contact(talk)
        memory.wish, memory.shown = None, []
    elif not take_facts(talk):
        return False
    find_time(talk)
    return True


def take_opening(talk: Talk, opening: Opening, *, picked: bool = False) -> bool:
    """Hold an opening and go on with it; False when somebody was quicker."""
    memory = talk.memory
    drop_hold(talk)
    hold_id = talk.desk.hold(opening) if opening.start >= talk.desk.now else None
    if hold_id is None:
        memory.shown.append(opening.start)
        return False
    memory.hold_id, memory.held, memory.picked = hold_id, opening, picked
    talk.facts["hold_id"] = hold_id
    if memory.task == "reschedule":
        _move_visit(talk)
    else:
        memory.task = "booking"
        ask_missing(talk, new_hold=True)
    return True


def offer_instead(talk: Talk) -> None:
    """The chosen opening is gone: apologise and offer others."""
    found = search(talk)
    talk.say("opening_taken", acts=False)
    if found.openings:
        offer(talk, replace(found, exact=True))
    else:
        talk.memory.awaiting = ""
        talk.hand_over("no openings", stage="booking", key="no_openings")


def drop_hold(talk: Talk) -> None:
    if talk.memory.hold_id is not None:
        talk.desk.release(talk.memory.hold_id)
    talk.memory.forget_hold()


def ask_missing(talk: Talk, *, new_hold: bool = False) -> None:
    """Name, phone and consent, what is not known; book when nothing is missing."""
    memory, client, held = talk.memory, talk.desk.client, talk.memory.held
    assert held is not None
    name, phone = client.name or memory.name, client.phone or memory.phone
    complete = bool(name and phone and client.has_consent)
    service = talk.service_words(memory.services)
    if complete and (memory.picked or not new_hold):
        return finish(talk)
    if complete:
        memory.awaiting = "confirm_booking"
        price = talk.total_price(memory.services)
        params = {"service": service, "when": talk.moment(held.start), "staff": held.staff_name, "price": price}
        return talk.say("confirm_booking", choices=(cues.YES, cues.OTHER), **params)
    if new_hold:
        talk.say("opening_held", service=service, when=talk.moment(held.start), staff=held.staff_name)
    if not (name and phone):
        memory.awaiting = "contact"
        talk.say("ask_contact" if not (name or phone) else "ask_name" if not name else "ask_phone")
    else:
        ask_consent(talk)
    return None


def ask_consent(talk: Talk) -> None:
    talk.memory.awaiting = "consent"
    talk.say("ask_consent", policy=talk.desk.policy_url, choices=(cues.AGREE, cues.DISAGREE))


def answer_contact(talk: Talk) -> bool:
    """An answer to «имя и телефон»; a change of mind about the visit is taken too."""
    memory = talk.memory
    gave_contact = take_contact(talk)
    if cues.consents(talk.text) and talk.understanding.slots.phone:
        talk.desk.give_consent()
    if not (gave_contact or talk.slot) and (cues.says_no(talk.text) or cues.gives_up(talk.text)):
        return decline(talk)
    if _revised(talk):
        return True
    if gave_contact:
        ask_missing(talk)
        return True
    if len([sign for sign in talk.text if sign.isdigit()]) >= 6:
        talk.not_understood("phone_wrong")
        return True
    return False


def answer_consent(talk: Talk) -> bool:
    if cues.refuses_consent(talk.text):
        drop_hold(talk)
        talk.memory.awaiting = ""
        talk.facts["consent"] = False
        talk.hand_over("no consent", stage="booking", key="consent_refused")
        return True
    if cues.consents(talk.text) or cues.says_yes(talk.text):
        talk.desk.give_consent()
        talk.facts["consent"] = True
        take_contact(talk)
        ask_missing(talk)
        return True
    return _revised(talk)


def answer_confirm(talk: Talk) -> bool:
    """An answer to «записываем?»."""
    if _revised(talk):
        return True
    if cues.time_change(talk.text):
        held = talk.memory.held
        drop_hold(talk)
        talk.memory.offered = [held] if held else []
        return _offer_more(talk, cues.time_change(talk.text))
    if cues.says_no(talk.text):
        return decline(talk)
    if cues.says_yes(talk.text):
        finish(talk)
        return True
    return False


def _revised(talk: Talk) -> bool:
    """The client changed the visit while it was held: look for it anew."""
    memory = talk.memory
    if talk.understanding.intent in ("cancel", "price_question"):
        return False
    if not take_facts(talk):
        return False
    drop_hold(talk)
    memory.offered = []
    find_time(talk)
    return True


def decline(talk: Talk) -> bool:
    """The client does not want to book after all."""
    end(talk)
    talk.say("booking_declined")
    return True


def end(talk: Talk) -> None:
    """The task is over: nothing stays held for it."""
    drop_hold(talk)
    talk.memory.finish_task()


def finish(talk: Talk) -> None:
    """Book what is held. A hold that ran out is taken again when the time is still free."""
    memory, held = talk.memory, talk.memory.held
    assert held is not None
    if memory.name and memory.name != talk.desk.client.name:
        talk.desk.remember(name=memory.name)
    booked = talk.desk.book(memory.hold_id) if memory.hold_id is not None else None
    if booked is None and (again := talk.desk.hold(held)) is not None:
        booked = talk.desk.book(again)
    if booked is None:
        memory.shown.append(held.start)
        memory.forget_hold()
        return offer_instead(talk)
    talk.facts["booked"] = booked.id
    memory.forget_hold()
    memory.finish_task()
    memory.turns = 0
    return talk.say(
        "booked",
        service=words.listing(booked.service_names),
        when=talk.moment(booked.start),
        staff=booked.staff_name,
        address=booked.branch_address,
        price=words.price(booked.price_kopecks),
        name=talk.desk.client.name,
    )


def _move_visit(talk: Talk) -> None:
    """Move the client's appointment to the held opening, which was chosen or named exactly."""
    memory, held = talk.memory, talk.memory.held
    assert held is not None
    assert memory.appointment_id is not None
    assert memory.hold_id is not None
    moved = talk.desk.move(memory.appointment_id, memory.hold_id)
    if moved is None:
        memory.shown.append(held.start)
        memory.forget_hold()
        return offer_instead(talk)
    talk.facts["moved"] = moved.id
    memory.finish_task()
    memory.turns = 0
    return talk.say(
        "moved",
        service=words.listing(moved.service_names),
        when=talk.moment(moved.start),
        staff=moved.staff_name,
        address=moved.branch_address,
        price=words.price(moved.price_kopecks),
    )


def _ask_reading(talk: Talk, wish: DateTimeSlot) -> bool:
    """Ask which of several readings of a time is meant; False when only one of them is still ahead."""
    memory = talk.memory
    readings = [Interval(wish.start, wish.end, wish.grain), *wish.alternatives]
    ahead = [each for each in readings if (each.end or each.start) >= talk.now]
    memory.readings = sorted(dict.fromkeys(ahead), key=lambda each: each.start)
    if len(memory.readings) < 2:
        memory.wish = replace(wish, alternatives=())
        if memory.readings:
            only = memory.readings[0]
            memory.wish = DateTimeSlot(text=wish.text, start=only.start, end=only.end, grain=only.grain)
        return False
    memory.awaiting = "reading"
    labels = _reading_labels(talk)
    talk.say("ask_reading", readings=words.numbered(labels), choices=labels)
    return True


def _reading_labels(talk: Talk) -> list[str]:
    texts = (words.interval(each.start, each.end, each.grain, talk.now) for each in talk.memory.readings)
    return [words.capital(text).replace(words.NO_BREAK, " ") for text in texts]


def answer_reading(talk: Talk) -> bool:
    """An answer to «когда именно»."""
    memory = talk.memory
    index = choices.labelled(talk.text, _reading_labels(talk))
    if index is None:
        index = choices.numbered_choice(talk.text, len(memory.readings))
    if index is None:
        index = _reading_said(talk)
    if index is not None:
        chosen = memory.readings[index]
        take_contact(talk)
        memory.wish = DateTimeSlot(text="", start=chosen.start, end=chosen.end, grain=chosen.grain)
    elif not take_facts(talk):
        return False
    find_time(talk)
    return True


def _reading_said(talk: Talk) -> int | None:
    """The reading that «вечером», «утра» or a clear day narrows the question to."""
    readings = talk.memory.readings
    said = cues.plain(talk.text)
    wanted = list(range(len(readings)))
    if "утр" in said:
        wanted = [index for index in wanted if readings[index].start.hour < 12]
    elif "вечер" in said or " дня" in said:
        wanted = [index for index in wanted if readings[index].start.hour >= 12]
    slot = talk.slot
    if slot and not slot.alternatives:
        wanted = [index for index in wanted if readings[index].start.date() == slot.start.date()]
        if slot.grain == "minute":
            wanted = [index for index in wanted if readings[index].start == slot.start]
    elif "сегодня" in said:
        wanted = [index for index in wanted if readings[index].start.date() == talk.now.date()]
    return wanted[0] if len(wanted) == 1 else None


def _drop_past_wish(talk: Talk) -> None:
    wish = talk.memory.wish
    if wish and not wish.alternatives and wish.end is not None and wish.end < talk.now:
        talk.memory.wish = None


def _closed_then(talk: Talk, wish: DateTimeSlot | None) -> bool:
    return bool(wish and wish.grain in ("minute", "approx") and not talk.desk.is_open_at(talk.aware(wish.start)))


def _staff_name(talk: Talk, staff_id: int | None) -> str:
    return next((person.name for person in talk.desk.staff() if person.id == staff_id), "")
