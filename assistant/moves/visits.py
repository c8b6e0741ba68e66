"""The client's own appointments: cancel, move, confirm; an unknown account first proves its phone by a code."""

from __future__ import annotations

from collections.abc import Sequence

from assistant import choices, cues, wants, words
from assistant.desk import Booked
from assistant.moves import booking, facts, taking, times
from assistant.talk import Talk

SURE = 0.75  # below this confidence a cancellation is asked about first
CODE_TRIES = 3
PINNED = ("confirm_visit", "move_or_cancel", "cancel_sure", "late_move")  # questions about one visit that is known


def start_cancel(talk: Talk) -> None:
    _start(talk, "cancel")


def start_move(talk: Talk) -> None:
    _start(talk, "reschedule")


def keep(talk: Talk) -> bool:
    """The client wants the visit left as it is. False: there is none, or it is not clear which."""
    visits = talk.desk.appointments()
    meant = [each for each in visits if each.id == talk.memory.appointment_id] or visits
    if len(meant) != 1 or talk.slot:
        return False
    facts.end(talk)
    talk.say("visit_kept", appointment=talk.visit_line(meant[0]))
    return True


def show(talk: Talk) -> None:
    """The client asks when the visit is; what was being arranged goes on."""
    visits = talk.desk.appointments()
    if visits:
        _tell(talk, visits)
    else:
        _start(talk, "show")


def _tell(talk: Talk, visits: Sequence[Booked]) -> None:
    talk.once("visits " + ",".join(str(visit.id) for visit in visits))
    talk.say("your_appointments", appointments=words.bulleted(talk.visit_line(visit) for visit in visits))


def late(talk: Talk) -> bool:
    """The client comes late: the people of the visit are told; who is very late is offered another time.

    False: no visit is known of which that could be said."""
    by = wants.late(talk.text)
    visits = talk.desk.appointments(begun=True)
    if by is None or not visits:
        return False
    visit = visits[0]
    talk.desk.note_late(visit.id, by)
    talk.facts["late"] = visit.id
    told = words.duration(int(by.total_seconds() // 60)) if by else ""
    if by <= talk.desk.late_limit:
        talk.once(f"late {visit.id} {told}")
        talk.say("late_noted", staff=visit.staff_name, late=told)
        return True
    talk.memory.awaiting, talk.memory.appointment_id = "late_move", visit.id
    talk.say("late_too_much", staff=visit.staff_name, late=told, choices=(cues.MOVE, cues.KEEP))
    return True


def answer_late_move(talk: Talk) -> bool:
    """An answer to «вы сильно опаздываете, перенести?»"""
    said = cues.plain(talk.text)
    visit = _visit(talk, begun=True)
    if visit is None:
        return False
    if said.startswith("перен") or cues.says_yes(talk.text) or talk.slot or talk.understanding.intent == "reschedule":
        _start(talk, "reschedule")
    elif cues.says_no(talk.text) or cues.keeps_visit(talk.text) or said.startswith(("остав", "успе", "постара")):
        facts.end(talk)
        talk.say("visit_kept", appointment=talk.visit_line(visit))
    else:
        return False
    return True


def _start(talk: Talk, task: str) -> None:
    memory = talk.memory
    pinned = memory.appointment_id if memory.awaiting in PINNED else None
    if memory.task == "booking" and task != "show" and not talk.desk.appointments():
        taking.decline(talk) if task == "cancel" else booking.start(talk)  # what is being arranged, not a visit
        return
    facts.end(talk)
    memory.task, memory.appointment_id = task, pinned
    if task == "reschedule" and talk.slot:
        memory.wish = talk.slot
    _find_visit(talk)


def _find_visit(talk: Talk) -> None:
    """Which appointment is meant: the only one, the one that the message names, or a question."""
    memory = talk.memory
    visits = talk.desk.appointments()
    if not visits:
        if talk.desk.client.phone_proven and talk.desk.client.phone:
            facts.end(talk)
            talk.say("no_appointments", choices=(cues.BOOK,))
        else:
            _ask_for_phone(talk)
        return
    if memory.task == "show":
        facts.end(talk)
        _tell(talk, visits)
        return
    if memory.task == "cancel" and len(visits) > 1 and wants.both(talk.text) and _is_order(talk):
        _cancel_all(talk, visits)
        return
    pinned = [visit for visit in visits if visit.id == memory.appointment_id]
    slot = talk.slot if memory.task == "cancel" else None
    meant = pinned or choices.appointments_meant(talk.text, visits, slot, talk.named_services, local=talk.local)
    if len(meant) == 1:
        named = bool(pinned or len(visits) == 1 or slot or talk.named_services)
        _act_on(talk, meant[0], sure=named and _is_order(talk))
    elif len(visits) == 1:
        _act_on(talk, visits[0], sure=False)
    else:
        _ask_which(talk, meant or visits)


def _is_order(talk: Talk) -> bool:
    if cues.orders_cancel(talk.text):
        return True
    return talk.understanding.confidence >= SURE and not cues.is_hedged(talk.text)


def _ask_which(talk: Talk, visits: Sequence[Booked]) -> None:
    memory = talk.memory
    memory.awaiting = "which"
    memory.options = [visit.id for visit in visits]
    lines = words.numbered(talk.visit_line(visit) for visit in visits)
    talk.say("which_appointment", appointments=lines, choices=[talk.visit_label(visit) for visit in visits])


def answer_which(talk: Talk) -> bool:
    memory = talk.memory
    visits = [visit for visit in talk.desk.appointments() if visit.id in memory.options]
    if memory.task == "cancel" and wants.both(talk.text):
        _cancel_all(talk, visits)
        return True
    index = choices.labelled(talk.text, [talk.visit_label(visit) for visit in visits])
    if index is None:
        index = choices.numbered_choice(talk.text, len(visits))
    meant = [visits[index]] if index is not None else []
    if not meant:
        named = choices.appointments_meant(talk.text, visits, talk.slot, talk.named_services, local=talk.local)
        meant = named if len(named) < len(visits) else []
    if len(meant) == 1:
        _act_on(talk, meant[0], sure=True)
        return True
    if len(meant) > 1:
        _ask_which(talk, meant)
        return True
    return False


def _act_on(talk: Talk, visit: Booked, *, sure: bool) -> None:
    memory = talk.memory
    memory.appointment_id = visit.id
    memory.options = []
    if memory.task == "reschedule":
        _look_for_new_time(talk, visit)
    elif sure:
        _cancel(talk, visit)
    else:
        memory.awaiting = "cancel_sure"
        talk.say("cancel_sure", appointment=talk.visit_line(visit), choices=(cues.CANCEL, cues.MOVE, cues.KEEP))


def answer_cancel_sure(talk: Talk) -> bool:
    visit = _visit(talk)
    said = cues.plain(talk.text)
    if visit is None:
        return False
    if said.startswith("перен") or talk.understanding.intent == "reschedule":
        start_move(talk)
    elif said == cues.plain(cues.KEEP) or said.startswith(("остав", "не отмен")) or cues.says_no(talk.text):
        facts.end(talk)
        talk.say("visit_kept", appointment=talk.visit_line(visit))
    elif said.startswith("отмен") or cues.says_yes(talk.text):
        _cancel(talk, visit)
    else:
        return False
    return True


def _cancel(talk: Talk, visit: Booked) -> None:
    memory = talk.memory
    line = talk.visit_line(visit)
    if not talk.desk.cancel(visit.id, reason="просит клиент"):
        facts.end(talk)
        talk.hand_over("визит уже не отменить", stage="booking", key="cancel_failed")
        return
    talk.facts["cancelled"] = visit.id
    then = memory.then
    facts.end(talk)
    memory.then = ""
    memory.turns = 0
    talk.say("cancelled", appointment=line, choices=() if then else (cues.BOOK,))
    if then:
        booking.start(talk)


def _cancel_all(talk: Talk, visits: Sequence[Booked]) -> None:
    done = [visit for visit in visits if talk.desk.cancel(visit.id, reason="просит клиент")]
    facts.end(talk)
    if len(done) < len(visits):
        talk.hand_over("не все визиты удалось отменить", stage="booking", key="cancel_failed")
        return
    talk.facts["cancelled"] = done[0].id
    talk.memory.turns = 0
    lines = words.bulleted(talk.visit_line(visit) for visit in done)
    talk.say("cancelled_all", appointments=lines, choices=(cues.BOOK,))


def _look_for_new_time(talk: Talk, visit: Booked) -> None:
    memory = talk.memory
    memory.services = list(visit.service_ids)
    staff_changed = facts.take_staff(talk)
    if not staff_changed:
        memory.staff_id = visit.staff_id
    by = facts.shift(talk)
    if by:
        memory.wish, memory.near = choices.point(talk.local(visit.start) + by), ""
    if memory.wish is None:
        memory.awaiting = "time"
        talk.say("move_ask_time", appointment=talk.visit_line(visit), choices=(cues.ANY_TIME,))
        return
    if not by:
        memory.wish, memory.near = choices.join_wishes(memory.wish, None, [talk.local(visit.start)])
    times.find_time(talk)


def _ask_for_phone(talk: Talk) -> None:
    memory = talk.memory
    phone = talk.understanding.slots.phone
    if phone:
        _send_code(talk, phone[0].e164)
    else:
        memory.awaiting = "phone_for_code"
        talk.say("ask_phone_for_code")


def answer_phone_for_code(talk: Talk) -> bool:
    phone = talk.understanding.slots.phone
    if phone:
        _send_code(talk, phone[0].e164)
        return True
    if cues.says_no(talk.text):
        facts.end(talk)
        talk.hand_over("телефон не подтверждён", stage="booking")
        return True
    if len([sign for sign in talk.text if sign.isdigit()]) >= 6:
        talk.not_understood("phone_wrong")
        return True
    return False


def _send_code(talk: Talk, phone: str) -> None:
    memory = talk.memory
    memory.code_tries = 0
    if not talk.desk.send_phone_code(phone):
        facts.end(talk)
        talk.hand_over("слишком много кодов", stage="booking", key="code_unavailable")
        return
    memory.awaiting = "code"
    memory.phone = phone
    talk.facts["code_sent"] = True
    talk.say("code_sent", phone=words.phone_tail(phone))


def answer_code(talk: Talk) -> bool:
    memory = talk.memory
    if talk.understanding.slots.phone:
        _send_code(talk, talk.understanding.slots.phone[0].e164)
        return True
    code = cues.code(talk.text)
    if not code:
        return False
    if talk.desk.check_phone_code(code):
        memory.awaiting = ""
        talk.facts["phone_proven"] = True
        visits = talk.desk.appointments()
        if len(visits) == 1 and memory.task != "show":
            _act_on(talk, visits[0], sure=memory.task != "cancel")
        else:
            _find_visit(talk)
        return True
    memory.code_tries += 1
    if memory.code_tries >= CODE_TRIES:
        facts.end(talk)
        talk.hand_over("неверный код", stage="booking")
    else:
        talk.say("code_wrong")
    return True


def answer_confirm_visit(talk: Talk) -> bool:
    """An answer to «вы придёте?»."""
    memory, intent = talk.memory, talk.understanding.intent
    said = cues.plain(talk.text)
    visit = _visit(talk)
    if intent == "reschedule" or said.startswith("перен"):
        start_move(talk)
    elif said.startswith("отмен"):
        start_cancel(talk)
    elif cues.says_no(talk.text):
        memory.awaiting = "move_or_cancel"
        talk.say("visit_cannot", choices=(cues.MOVE, cues.CANCEL))
    elif intent == "cancel":
        start_cancel(talk)
    elif cues.says_yes(talk.text) or said == cues.plain(cues.COME):
        appointment_id = memory.appointment_id
        facts.end(talk)
        if appointment_id is not None and talk.desk.confirm(appointment_id):
            talk.facts["confirmed"] = appointment_id
            talk.say("visit_confirmed", appointment=talk.visit_line(visit) if visit else "")
        else:
            talk.say("confirm_gone", choices=(cues.BOOK,))
    else:
        return False
    return True


def answer_move_or_cancel(talk: Talk) -> bool:
    said = cues.plain(talk.text)
    visit = _visit(talk)
    if said.startswith("перен") or talk.understanding.intent == "reschedule" or talk.slot:
        start_move(talk)
    elif said.startswith(("отмен", "отказ")) or talk.understanding.intent == "cancel":
        if visit is None:
            start_cancel(talk)
        else:
            _cancel(talk, visit)
    elif visit and (cues.says_yes(talk.text) or said.startswith(("приду", "буду", "остав"))):
        facts.end(talk)
        talk.say("visit_kept", appointment=talk.visit_line(visit))
    else:
        return False
    return True


def _visit(talk: Talk, *, begun: bool = False) -> Booked | None:
    return next((each for each in talk.desk.appointments(begun=begun) if each.id == talk.memory.appointment_id), None)
