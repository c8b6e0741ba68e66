"""An opening was chosen: hold it, ask who it is for, then book it or move the visit to it."""

from __future__ import annotations

from assistant import cues, wants, words
from assistant.desk import Booked, Opening
from assistant.moves import additions, facts, offers
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
    needs_guest = bool(memory.guest or memory.beside) and not memory.guest_name
    complete = bool(name and phone and client.has_consent) and not needs_guest
    if complete and (memory.picked or not new_hold):
        return finish(talk)
    if complete:
        return _ask_to_confirm(talk, held)
    if new_hold:
        _tell_held(talk, held)
    if needs_guest:
        _ask_guest_name(talk)
    elif not (name and phone):
        memory.awaiting = "contact"
        talk.say("ask_contact" if not (name or phone) else "ask_name" if not name else "ask_phone")
    else:
        ask_consent(talk)
    return None


def _tell_held(talk: Talk, held: Opening) -> None:
    if held.then:
        talk.say("held_together", visits=talk.part_lines(held))
    else:
        service = talk.service_words(talk.memory.services)
        talk.say("opening_held", service=service, when=talk.moment(held.start), staff=held.staff_name)


def _ask_to_confirm(talk: Talk, held: Opening) -> None:
    talk.memory.awaiting = "confirm_booking"
    labels, price = (cues.YES, cues.OTHER), talk.total_price(talk.all_services)
    if held.then:
        talk.say("confirm_together", choices=labels, visits=talk.part_lines(held), price=price)
    else:
        talk.say(
            "confirm_booking",
            choices=labels,
            service=talk.service_words(talk.memory.services),
            when=talk.moment(held.start),
            staff=held.staff_name,
            price=price,
        )


def _ask_guest_name(talk: Talk) -> None:
    memory = talk.memory
    memory.awaiting = "guest_name"
    guest = wants.RELATIONS.get(memory.guest)
    talk.say("ask_guest_name", guest=guest.acc if guest else "второго гостя")


def answer_guest_name(talk: Talk) -> bool:
    """An answer to «как зовут мужа»."""
    memory, slots = talk.memory, talk.understanding.slots
    if cues.gives_up(talk.text) and not slots.name:
        return decline(talk)
    told = slots.name[0].text if slots.name else ""
    told = told or cues.given_name(talk.text, without=tuple(slot.text for slot in slots.phone))
    if not told:
        return False
    memory.guest_name = " ".join(wants.nominative(part) for part in told.split())
    facts.take_contact(talk)
    ask_missing(talk)
    return True


def ask_consent(talk: Talk) -> None:
    talk.memory.awaiting = "consent"
    talk.say("ask_consent", policy=talk.desk.policy_url, choices=(cues.AGREE, cues.DISAGREE))


def finish(talk: Talk) -> None:
    """Book what is held. A hold that ran out is taken again when the time is still free."""
    memory, held = talk.memory, talk.memory.held
    assert held is not None
    if memory.name and memory.name != talk.desk.client.name:
        talk.desk.remember(name=memory.name)
    whose = _whose(talk, held)
    booked = talk.desk.book(memory.hold_id, for_whom=whose) if memory.hold_id is not None else None
    if booked is None and (again := talk.desk.hold(held)) is not None:
        booked = talk.desk.book(again, for_whom=whose)
    if booked is None:
        memory.shown.append(held.start)
        memory.forget_hold()
        return offers.offer_instead(talk)
    talk.facts["booked"] = booked.id
    memory.forget_hold()
    memory.finish_task()
    memory.turns = 0
    _tell_booked(talk, booked)
    return additions.offer(talk, booked)


def _whose(talk: Talk, held: Opening) -> list[str]:
    """Names for the parts of what is held: the guest's, "" for the client's own."""
    memory = talk.memory
    if not memory.guest_name:
        return []
    name = f"{memory.guest_name} ({memory.guest})" if memory.guest else memory.guest_name
    own, others = ("" if memory.beside else name), [name] * len(held.then)
    return [own, *others]


def _tell_booked(talk: Talk, booked: Booked) -> None:
    lower = sum(part.price_kopecks for part in booked.parts)
    upper = sum(part.price_to_kopecks or part.price_kopecks for part in booked.parts)
    price, address = words.price_range(lower, upper), booked.branch_address
    if booked.then:
        visits = words.bulleted(talk.visit_line(part) for part in booked.parts)
        return talk.say("booked_together", visits=visits, address=address, price=price)
    told = {
        "service": words.names(booked.service_names),
        "when": talk.moment(booked.start),
        "staff": booked.staff_name,
        "address": address,
        "price": price,
    }
    if booked.for_whom:
        return talk.say("booked_guest", guest=booked.for_whom, **told)
    return talk.say("booked", name=talk.desk.client.name, **told)


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
        service=words.names(moved.service_names),
        when=talk.moment(moved.start),
        staff=moved.staff_name,
        address=moved.branch_address,
        price=words.price_range(moved.price_kopecks, moved.price_to_kopecks),
    )


def decline(talk: Talk) -> bool:
    """The client does not want to book after all."""
    facts.end(talk)
    talk.say("booking_declined")
    return True
