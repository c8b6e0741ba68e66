"""An opening was chosen: hold it, ask who it is for, then book it or move the visit to it."""

from __future__ import annotations

from assistant import cues, words
from assistant.desk import Opening
from assistant.moves import facts, offers
from assistant.talk import Talk


def take_opening(talk: Talk, opening: Opening, *, picked: bool = False) -> bool:
    """Hold an opening and go on with it; False when somebody was quicker."""
    memory = talk.memory
    facts.drop_hold(talk)
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
        return talk.say(
            "confirm_booking",
            choices=(cues.YES, cues.OTHER),
            service=service,
            when=talk.moment(held.start),
            staff=held.staff_name,
            price=talk.total_price(memory.services),
        )
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
        return offers.offer_instead(talk)
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
        return offers.offer_instead(talk)
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


def decline(talk: Talk) -> bool:
    """The client does not want to book after all."""
    facts.end(talk)
    talk.say("booking_declined")
    return True
