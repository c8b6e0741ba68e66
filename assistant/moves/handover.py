"""What goes past the score to people at once: complaints, urgent cases, personal data, a wish for a person."""

from __future__ import annotations

from assistant import choices, cues
from assistant.moves import facts, offers
from assistant.talk import Talk

DATA_REQUESTS = {"erasure": "просит удалить свои данные", "export": "просит выдать свои данные"}


def person(talk: Talk) -> None:
    """The client asks for a person."""
    if talk.memory.handed:
        talk.desk.hand_over(reason="просит человека", stage=talk.memory.handed)
        talk.say("still_waiting", acts=False)
    else:
        talk.hand_over("просит человека")


def complaint(talk: Talk, *, urgent: bool) -> None:
    """Apologise and call the people of the complaint stage; a second message of the same goes on the same pile."""
    repeated = talk.memory.handed == "complaint"
    talk.hand_over("жалоба", stage="complaint", urgent=urgent, key="" if repeated else "complaint")
    if repeated and not talk.memory.told_waiting:
        talk.say("still_waiting", acts=False)
        talk.memory.told_waiting = True


def data_request(talk: Talk, kind: str) -> None:
    """The client wants the personal data erased or shown: the people of that stage do it."""
    talk.facts["data_request"] = kind
    talk.hand_over(DATA_REQUESTS[kind], stage="data_request", key="data_request")


def danger(talk: Talk) -> None:
    """Signs that threaten life: name the ambulance, call a person; nothing is advised and nothing is sold."""
    talk.say("danger")
    talk.facts["danger"] = True
    talk.hand_over("опасные признаки", urgent=True, key="")


def urgent(talk: Talk) -> None:
    """Pain, bleeding, swelling: a person at once, and the nearest openings where the business treats such cases."""
    memory = talk.memory
    talk.hand_over("срочный случай", urgent=True, key="urgent")
    memory.told_urgent = True
    ids = list(talk.desk.urgent_service_ids())
    if not ids:
        return
    facts.end(talk)
    facts.take_contact(talk)
    memory.services = ids
    wish = talk.slot if talk.slot and not talk.slot.alternatives else None
    openings = talk.desk.openings(ids, wish, limit=offers.LOOKED_AT) or talk.desk.openings(
        ids, None, limit=offers.LOOKED_AT
    )
    if not openings:
        return
    memory.task, memory.awaiting = "booking", "choice"
    memory.offered = choices.spread(openings)
    labels = talk.opening_labels(memory.offered, cues.OTHER)
    talk.say("urgent_openings", openings=talk.opening_lines(memory.offered), choices=labels)
