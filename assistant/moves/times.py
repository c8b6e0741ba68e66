"""When: find the wished time or offer others, and read the answers to what was offered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from assistant import choices, cues, wants, words
from assistant.desk import Opening
from assistant.moves import facts, offers, taking
from assistant.talk import Talk
from assistant.understanding import DateTimeSlot, Interval


def find_time(talk: Talk) -> None:
    """Offer openings for the wish, or hold the one that it names exactly."""
    if _same_hour(talk):
        return
    memory = talk.memory
    if memory.staff_options:
        _ask_staff(talk)
        return
    _drop_past_wish(talk)
    _drop_unable_staff(talk)
    if memory.wish and memory.wish.alternatives and _ask_reading(talk, memory.wish):
        return
    memory.readings = []
    wish = memory.wish
    closed = _closed_then(talk, wish)
    found = offers.search(talk)
    if not found.openings:
        memory.awaiting = ""
        talk.hand_over("нет свободного времени", stage="booking", key="no_openings")
        return
    if found.other_staff:
        talk.say("other_staff", staff=_staff_name(talk, memory.staff_id))
        memory.staff_id = None
    if found.exact and wish and wish.grain == "minute" and len(found.openings) == 1 and not memory.shown:
        if taking.take_opening(talk, found.openings[0]):
            return
        found = offers.search(talk)
    if closed and wish:
        when = words.capital(words.closed(words.wish(wish, talk.now)))
        talk.say("closed_then", when=when, hours=talk.desk.opening_hours_text())
    offers.offer(talk, found, told=closed)


def _same_hour(talk: Talk) -> bool:
    """Another day and nothing else: the hour that was agreed is taken there when it is free."""
    memory = talk.memory
    if not (memory.near and memory.wish and memory.wish.grain == "day") or memory.staff_options:
        return False
    hour, minute = map(int, memory.near.split(":"))
    point = choices.point(memory.wish.start.replace(hour=hour, minute=minute))
    openings = offers.ask_desk(talk, point, memory.staff_id) if not memory.shown else []
    return bool(openings) and taking.take_opening(talk, openings[0])


def _drop_unable_staff(talk: Talk) -> None:
    """Say that the person asked for does not do it, and look for colleagues."""
    memory = talk.memory
    if memory.staff_id is None or not memory.services or memory.beside:
        return
    able = [{person.id for person in talk.desk.staff([each])} for each in memory.services]
    if any(memory.staff_id in each for each in able):
        return
    service = words.small(talk.service_words(memory.services))
    talk.say("staff_cannot", staff=_staff_name(talk, memory.staff_id), service=service)
    memory.staff_id = None


def _ask_staff(talk: Talk) -> None:
    memory = talk.memory
    memory.awaiting = "staff"
    labels = _staff_labels(talk)
    talk.say("which_staff", people=words.numbered(labels), choices=[label[:40] for label in labels])


def _staff_labels(talk: Talk) -> list[str]:
    people = [person for person in talk.staff if person.id in talk.memory.staff_options]
    return [", ".join(part for part in (person.name, person.about) if part) for person in people]


def answer_staff(talk: Talk) -> bool:
    """An answer to «к кому из них»."""
    memory = talk.memory
    people = [person for person in talk.staff if person.id in memory.staff_options]
    labels = _staff_labels(talk)
    index = choices.labelled(talk.text, [label[:40] for label in labels])
    if index is None:
        index = choices.numbered_choice(talk.text, len(people))
    if index is None:
        index = choices.described(talk.text, labels)
    if index is None and not (wants.any_person(talk.text) or cues.any_will_do(talk.text)):
        return False
    memory.staff_options = []
    memory.staff_id = people[index].id if index is not None else None
    facts.take_contact(talk)
    find_time(talk)
    return True


def _drop_past_wish(talk: Talk) -> None:
    wish = talk.memory.wish
    if wish and not wish.alternatives and wish.end is not None and wish.end < talk.now:
        talk.memory.wish = None


def _closed_then(talk: Talk, wish: DateTimeSlot | None) -> bool:
    return bool(wish and wish.grain in ("minute", "approx") and not talk.desk.is_open_at(talk.aware(wish.start)))


def _staff_name(talk: Talk, staff_id: int | None) -> str:
    return next((person.name for person in talk.staff if person.id == staff_id), "")


def answer_choice(talk: Talk) -> bool:
    """An answer to offered openings: one of them, other times, another day, another person."""
    memory = talk.memory
    slot = talk.slot
    if cues.gives_up(talk.text) and not slot:
        return taking.decline(talk)
    meant = choices.openings_meant(talk.text, memory.offered, slot, local=talk.local)
    if facts.shift(talk) or (wants.any_person(talk.text) and memory.staff_id):
        meant = []
    refuses_some = choices.staff_meant(talk.text, talk.staff, bare=True)[1]
    if meant and not refuses_some and not _negated(talk.text):
        facts.take_contact(talk)
        if len(meant) == 1:
            _take_or_offer(talk, meant[0])
        else:
            labels = talk.opening_labels(meant, cues.OTHER)
            memory.offered = meant
            talk.say("which_opening", openings=talk.opening_lines(meant), choices=labels)
        return True
    if talk.named_services and set(talk.named_services) - set(memory.services):
        return False
    gave_contact = facts.take_contact(talk)
    if facts.take_facts(talk):
        find_time(talk)
        return True
    if change := cues.time_change(talk.text):
        return offer_more(talk, change)
    if cues.says_no(talk.text):
        return offer_more(talk, "other")
    if cues.says_yes(talk.text):
        if len(memory.offered) == 1:
            _take_or_offer(talk, memory.offered[0])
        else:
            labels = talk.opening_labels(memory.offered, cues.OTHER)
            talk.say("which_opening", openings=talk.opening_lines(memory.offered), choices=labels)
        return True
    if gave_contact:
        offers.offer_again(talk)
    return gave_contact or _names_service(talk)


def _names_service(talk: Talk) -> bool:
    """«мужская» after «стрижка» was taken for another line of the price list."""
    memory = talk.memory
    named = choices.services_named(talk.text, talk.desk.services()) if len(cues.tokens(talk.text)) <= 4 else []
    if len(named) != 1 or named[0].id in memory.services or memory.task == "reschedule":
        return False
    memory.services = [named[0].id]
    find_time(talk)
    return True


def _take_or_offer(talk: Talk, opening: Opening) -> None:
    if not taking.take_opening(talk, opening, picked=True):
        offers.offer_instead(talk)


def _negated(text: str) -> bool:
    return cues.tokens(text)[:1] in (["нет"], ["не"]) or cues.time_change(text) == "other"


def offer_more(talk: Talk, change: str) -> bool:
    """Other openings than those on the table: any, later or earlier ones."""
    memory = talk.memory
    memory.shown += [opening.start for opening in memory.offered]
    if change == "other" or not memory.offered:
        found = offers.search(talk, evenly=True)
        if not found.openings:
            return ask_time(talk, "no_more_openings")
        offers.offer(talk, replace(found, exact=True))
        return True
    first, last = talk.local(memory.offered[0].start), talk.local(memory.offered[-1].start)
    if change == "later":
        window = choices.span(last + timedelta(minutes=1), last + offers.LOOK_AHEAD)
    else:
        window = choices.span(talk.now, first)
    openings = offers.ask_desk(talk, window, memory.staff_id) if window.end and window.end > window.start else []
    if not openings and change == "earlier":
        talk.say("no_earlier")
        offers.offer_again(talk)
        return True
    if not openings:
        return ask_time(talk, "no_more_openings")
    picked = choices.spread(openings) if change == "later" else choices.spread(openings, near=talk.aware(first))
    offers.offer(talk, offers.Found(picked, exact=True))
    return True


def ask_time(talk: Talk, key: str = "ask_time") -> bool:
    talk.memory.awaiting = "time"
    talk.say(key, choices=(cues.ANY_TIME,))
    return True


def answer_time(talk: Talk) -> bool:
    """An answer to «на какой день и время»."""
    memory = talk.memory
    if (cues.says_no(talk.text) or cues.gives_up(talk.text)) and not talk.slot:
        return taking.decline(talk)
    if cues.any_will_do(talk.text):
        facts.take_contact(talk)
        memory.wish, memory.shown = None, []
    elif not facts.take_facts(talk):
        return False
    find_time(talk)
    return True


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
        facts.take_contact(talk)
        memory.wish = DateTimeSlot(text="", start=chosen.start, end=chosen.end, grain=chosen.grain)
    elif not facts.take_facts(talk):
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
