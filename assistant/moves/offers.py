"""Free times worth offering: as wished, else the nearest to the wish; said with numbers and quick replies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from assistant import choices, cues, words
from assistant.desk import Opening
from assistant.talk import Talk
from assistant.understanding import DateTimeSlot

LOOKED_AT = 60  # openings asked of the desk to pick three from
LOOK_AHEAD = timedelta(days=14)  # after the wished day


@dataclass(frozen=True)
class Found:
    """Openings to offer and how they stand to the wish: exact, near (another time then) or none."""

    openings: list[Opening]
    exact: bool
    other_staff: bool = False


def search(talk: Talk, *, evenly: bool = False) -> Found:
    """The best three openings: as wished; then the same day; then from that day on; then any, and other people.

    `evenly`: spread over all that there is, for a client whom the nearest did not suit."""
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
            openings = ask_desk(talk, wish, staff_id)
            if openings:
                picked = choices.spread(openings, evenly=True) if evenly else _pick(talk, openings, wish)
                return Found(picked, exact=wish == memory.wish, other_staff=staff_id != memory.staff_id)
    return Found([], exact=False)


def ask_desk(talk: Talk, wish: DateTimeSlot | None, staff_id: int | None) -> list[Opening]:
    memory = talk.memory
    openings = talk.desk.openings(
        memory.services,
        wish,
        limit=LOOKED_AT,
        staff_id=staff_id,
        exclude_starts=tuple(memory.shown),
        beside=memory.guest_services if memory.beside else (),
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
    service = talk.service_words(talk.all_services)
    if found.exact or told or memory.wish is None:
        talk.say("offer_openings", openings=lines, service=service, choices=labels)
    else:
        wish = words.closed(words.wish(memory.wish, talk.now))
        talk.say("offer_others", openings=lines, service=service, wish=wish, choices=labels)
    talk.facts["offered"] = [opening.start.isoformat() for opening in found.openings]


def offer_again(talk: Talk) -> None:
    memory = talk.memory
    memory.awaiting = "choice"
    labels = talk.opening_labels(memory.offered, cues.OTHER)
    talk.say("offer_again", openings=talk.opening_lines(memory.offered), choices=labels)


def offer_instead(talk: Talk) -> None:
    """The chosen opening is gone: apologise and offer others."""
    found = search(talk)
    talk.say("opening_taken", acts=False)
    if found.openings:
        offer(talk, replace(found, exact=True))
    else:
        talk.memory.awaiting = ""
        talk.hand_over("нет свободного времени", stage="booking", key="no_openings")
