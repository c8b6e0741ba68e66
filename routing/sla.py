"""The clocks of a lead: which run and when they are due. What happens then: `escalation.py`.

Each running clock stands on the lead (`Lead.clocks`, read by `clocks.Clock`) and is one row of due work. The row only
wakes up: what the lead says, counted anew by the policy and the timetables of that moment, decides whether it is time.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from leadhub.work import forget, later
from routing import clocks, record
from routing import config as configs
from routing.clocks import KINDS, Clock
from routing.models import Lead
from routing.policies import LeadFacts, Terms, policy_for
from tenants.business import calendar
from tenants.business.calendar import Attendance, Timetable

TITLES = {
    "take": "взять",
    "answer": "ответить",
    "confirm": "довести до записи",
    "call": "перезвонить",
    "later": "вернуться к клиенту",
}
TOLD = {"take": "Взять", "person": "Ответить клиенту", "silence": "Ответить клиенту", "confirm": "Довести до записи"}
PAUSE = "pause"  # why and until when the clocks stand still, beside them on the lead
SNOOZED = "snoozed"  # why they do: who leads the lead put it aside
PEOPLE = ("take", "person", "silence")


def terms_of(lead: Lead) -> Terms:
    """What this lead is entitled to now, by its temperature, service, channel and stage. No query."""
    config = configs.load()
    service = config.service(lead.service_id)
    category = service.category if service else ""
    return policy_for(LeadFacts(lead.temperature, lead.service_id, category, lead.kind, lead.stage), config.policies)


def business_due(lead: Lead, now: datetime, allowance: timedelta) -> datetime:
    """When so much of the branch's business time has passed; without a branch all time counts."""
    known = configs.load().calendars.get(lead.branch_id or 0)
    return calendar.business_due(now, allowance.total_seconds(), known) if known else now + allowance


def show(lead: Lead, clock: str, due_at: datetime | None, now: datetime) -> None:
    """The clock that the inbox shows."""
    lead.clock, lead.clock_due_at = clock, due_at
    lead.clock_started_at = now if clock else None
    record.keep(lead, "clock", "clock_due_at", "clock_started_at")


# --- Started and stopped ---------------------------------------------------------------------------------------------


def start_answer(lead: Lead, *, now: datetime) -> None:
    """The assistant has so long to give its first answer, day and night."""
    later("routing.answer_clock", lead.pk, at=now + timedelta(seconds=terms_of(lead).seconds("answer")))


def start_take(lead: Lead, *, now: datetime) -> None:
    """The lead was given to a person, who has this long to take it; starts again with every other person."""
    _drop(lead, "person", "silence")
    clock = _start(lead, "take", now=now)
    show(lead, "take", clock.due_at, now)
    if confirm := running(lead, "confirm"):
        _arm(lead, "confirm", confirm)  # there is somebody now who can be warned


def set_confirm(lead: Lead, *, now: datetime, since: datetime | None = None) -> None:
    """Put the clock of a new lead on it, unsaved: a hot one is booked within 15 business minutes, any other in 60.

    `since`: it counts from then, not from the client's first message."""
    terms = terms_of(lead)
    clock = clocks.begun(terms.seconds("confirm"), hours_of(lead, "confirm", 0), at=since or lead.created_at)
    _keep(lead, confirm=clock)
    lead.clock, lead.clock_due_at, lead.clock_started_at = "confirm", clock.due_at, now
    _note(lead, "confirm", clock, terms, now=now)


def start_confirm(lead: Lead, *, now: datetime) -> None:
    """Arm the clock of `set_confirm()`, once the lead has a number."""
    if clock := running(lead, "confirm"):
        _arm(lead, "confirm", clock)


def start_card(lead: Lead, *, now: datetime) -> None:
    """The lead's card is due in the CRM; whoever puts it there forgets `crm.card_overdue`."""
    _start(lead, "card", now=now)


def taken(lead: Lead, *, now: datetime) -> None:
    """A person took the lead: the take clock stops, the person's own answer is awaited."""
    _drop(lead, "take")
    show(lead, "answer", _start(lead, "person", now=now).due_at, now)


def person_answered(lead: Lead, *, now: datetime) -> None:
    """A person wrote to the client: no answer is awaited until the client writes again."""
    _drop(lead, *PEOPLE)
    until = until_of(lead)
    show(lead, "later" if until else "", until, now)
    wait_for_client(lead, now=now)


def client_wrote(lead: Lead, *, now: datetime) -> None:
    """The client wrote in a conversation that a person leads: 3 min for the first answer, then 30 min of silence."""
    if lead.first_person_answer_at is None:
        if lead.clock != "answer":
            taken(lead, now=now)
        return
    show(lead, "answer", _start(lead, "silence", now=now).due_at, now)


def handed_back(lead: Lead, *, now: datetime) -> None:
    """The assistant leads the conversation again: nothing is awaited of people."""
    person_answered(lead, now=now)


def back_to_assistant(lead: Lead, *, now: datetime) -> None:
    """No person has the lead any more, and none is awaited; its own term goes on."""
    _drop(lead, *PEOPLE)
    _show_next(lead, now=now)


def called_for(lead: Lead, due_at: datetime, *, now: datetime) -> None:
    """The lead waits for a call, and for nobody to take it."""
    _drop(lead, *PEOPLE)
    show(lead, "call", due_at, now)


def stop_all(lead: Lead, *, now: datetime) -> None:
    """The lead has an outcome: nothing is awaited any more."""
    for name in ("routing.answer_clock", "routing.rule_clock", "routing.resume_clocks"):
        forget(name, lead.pk)
    _drop(lead, *(name for name in KINDS if name != "card"))
    kept = {name: value for name, value in (lead.clocks or {}).items() if name == "card"}
    if kept != lead.clocks:
        lead.clocks = kept
        record.keep(lead, "clocks")
    show(lead, "", None, now)


# --- Standing still --------------------------------------------------------------------------------------------------


def wait_for_client(lead: Lead, *, now: datetime) -> None:
    """The next word is the client's: where the policy says so, the lead's own term stands until it comes."""
    if terms_of(lead)["pause_waiting"] == "yes" and running(lead, "confirm") and until_of(lead) is None:
        _pause(lead, ("confirm",), {"why": "waiting", "until": None}, now=now)


def put_off(lead: Lead, until: datetime, *, why: str, now: datetime) -> bool:
    """Nothing is expected of people until then: a call was agreed, or the lead was put aside. False: the policy lets
    the clocks run all the same, or the moment is past."""
    if until <= now or terms_of(lead)["pause_agreed"] != "yes":
        return False
    names = tuple(name for name, kind in KINDS.items() if kind.stands_still)
    _pause(lead, names, {"why": why, "until": until.isoformat()}, now=now)
    later("routing.resume_clocks", lead.pk, at=until)
    return True


def resume(lead: Lead, *, now: datetime) -> None:
    """Clocks that stood still go on with what was left of them: the client wrote, the call was made, the time came."""
    if not _standing(lead):
        return
    if is_snoozed(lead) and lead.owner_id:  # it stayed with its person, who may be off shift by now
        later("routing.shift", lead.owner_id, key=f"{lead.owner_id}-now", at=now)
    forget("routing.resume_clocks", lead.pk)
    lead.clocks = {name: value for name, value in (lead.clocks or {}).items() if name != PAUSE}
    record.keep(lead, "clocks")
    for name, clock in clocks_of(lead):
        going = clocks.resumed(clock, hours_of(lead, name, clock.staff_id), now=now)
        _keep(lead, **{name: going})
        _arm(lead, name, going)
    if lead.clock == "later":
        _show_next(lead, now=now)


def until_of(lead: Lead) -> datetime | None:
    """Until when the lead is put off; None: it is not."""
    until = (_standing(lead) or {}).get("until")
    return datetime.fromisoformat(until) if until else None


def is_snoozed(lead: Lead) -> bool:
    """Whether its person put the lead aside, and comes back to it."""
    return (_standing(lead) or {}).get("why") == SNOOZED


def _standing(lead: Lead) -> dict | None:
    return (lead.clocks or {}).get(PAUSE)


def _pause(lead: Lead, names: tuple[str, ...], why: dict, *, now: datetime) -> None:
    lead.clocks = {**(lead.clocks or {}), PAUSE: why}
    record.keep(lead, "clocks")
    for name in names:
        if clock := running(lead, name):
            _keep(lead, **{name: clocks.paused(clock, hours_of(lead, name, clock.staff_id), now=now)})
            forget(KINDS[name].handler, lead.pk)
    if why["until"] and (why["why"] == SNOOZED or lead.clock in {KINDS[name].shown for name in names}):
        show(lead, "later", datetime.fromisoformat(why["until"]), now)


def _show_next(lead: Lead, *, now: datetime) -> None:
    for name in ("take", "person", "silence", "confirm"):
        clock = running(lead, name)
        if clock and clock.due_at:
            show(lead, KINDS[name].shown, clock.due_at, now)
            return
    show(lead, "", None, now)


# --- Changed while they run ------------------------------------------------------------------------------------------


def follow(lead: Lead, *, now: datetime) -> None:
    """What is known of the lead changed, and so perhaps its policy: a longer term counts from the clock's start, a
    shorter one from now on."""
    if not lead.is_open:
        return
    terms = terms_of(lead)
    for name, clock in clocks_of(lead):
        total = terms.seconds(name)
        if total == clock.total:
            continue
        hours = hours_of(lead, name, clock.staff_id)
        if total > clock.total:
            changed = clocks.rehung(clock, total, hours)
        else:
            changed = clocks.hurried(clock, total, hours, now=now)
        _move(lead, name, changed, now=now)
        _note(lead, name, changed, terms, now=now)


def hang_anew(lead: Lead, *, now: datetime) -> bool:
    """Policies, hours or shifts were edited: every running clock counts again from its start. True: some moved."""
    moved = False
    for name, clock in clocks_of(lead):
        changed = current(lead, name)
        if changed and changed != clock:
            _move(lead, name, changed, now=now)
            moved = True
    return moved


def current(lead: Lead, name: str) -> Clock | None:
    """A running clock by the policy and the timetables of this moment; None: it does not run."""
    clock = running(lead, name)
    return clock and clocks.rehung(clock, terms_of(lead).seconds(name), hours_of(lead, name, clock.staff_id))


def _move(lead: Lead, name: str, clock: Clock, *, now: datetime) -> None:
    was = running(lead, name)
    _keep(lead, **{name: clock})
    _arm(lead, name, clock)
    if lead.clock == KINDS[name].shown and was and lead.clock_due_at == was.due_at:
        lead.clock_due_at = clock.due_at
        record.keep(lead, "clock_due_at")


# --- When it rings ---------------------------------------------------------------------------------------------------


def running(lead: Lead, name: str) -> Clock | None:
    """One clock of the lead, running or standing still; None: there is none."""
    kept = (lead.clocks or {}).get(name)
    return Clock.from_json(kept) if kept else None


def is_over(lead: Lead, name: str, *, now: datetime) -> bool:
    """Whether a clock that rang has run out, and then it is gone. Else it was a warning's time, or the clock was moved,
    stopped or started anew: what is still to come is armed again."""
    if lead.clocks is None:
        return True  # older than the record of clocks: the row is all there is
    clock = current(lead, name)
    if clock is None or clock.due_at is None:
        return False
    if clock.due_at <= now:
        lead.clocks = {kept: value for kept, value in lead.clocks.items() if kept != name}
        record.keep(lead, "clocks")
        return True
    _move(lead, name, clock, now=now)
    return False


def warn(lead: Lead, name: str, *, now: datetime) -> datetime | None:
    """The moment a clock is due, when it is time to warn of it; once a clock. None: it is not."""
    clock = current(lead, name)
    if clock is None or clock.due_at is None or clock.due_at <= now:
        return None
    at = _warning_at(lead, name, clock)
    if at is None or at > now:
        return None
    warned = Clock(clock.started_at, clock.left, clock.total, clock.due_at, clock.staff_id, is_warned=True)
    _keep(lead, **{name: warned})
    return clock.due_at


def hours_of(lead: Lead, name: str, staff_id: int) -> Timetable | None:
    """In whose time a clock runs: a person's hours at work, the branch's opening hours; None: all time counts."""
    config = configs.load()
    if KINDS[name].runs_in == "always":
        return None
    rota = config.rotas.get(staff_id)
    return Attendance(rota, config.calendars) if rota else config.calendars.get(lead.branch_id or 0)


def _start(lead: Lead, name: str, *, now: datetime) -> Clock:
    """Start a clock, or start it again. A person's runs in that person's hours, if the person is at work now: whoever
    is called in from home is waited for in the branch's."""
    config, terms = configs.load(), terms_of(lead)
    rota = config.rotas.get(lead.owner_id or 0) if KINDS[name].runs_in == "person" else None
    staff_id = lead.owner_id if rota and rota.at(now, config.calendars) else 0
    still = KINDS[name].stands_still and until_of(lead) is not None
    hours = hours_of(lead, name, staff_id)
    clock = clocks.begun(terms.seconds(name), hours, at=now, staff_id=staff_id, still=still)
    _keep(lead, **{name: clock})
    _arm(lead, name, clock)
    _note(lead, name, clock, terms, now=now)
    return clock


def _arm(lead: Lead, name: str, clock: Clock) -> None:
    """Owe the next thing a clock will have to say: its warning, or its end."""
    if clock.due_at is None:
        forget(KINDS[name].handler, lead.pk)
        return
    later(KINDS[name].handler, lead.pk, at=_warning_at(lead, name, clock) or clock.due_at)


def _warning_at(lead: Lead, name: str, clock: Clock) -> datetime | None:
    if name not in TOLD or lead.owner_id is None:
        return None
    percent = terms_of(lead).number("warn_percent")
    return clocks.warning_at(clock, percent, hours_of(lead, name, clock.staff_id))


def _drop(lead: Lead, *names: str) -> None:
    for name in names:
        forget(KINDS[name].handler, lead.pk)
    kept = {name: value for name, value in (lead.clocks or {}).items() if name not in names}
    if lead.clocks is not None and kept != lead.clocks:
        lead.clocks = kept
        record.keep(lead, "clocks")


def clocks_of(lead: Lead) -> Iterator[tuple[str, Clock]]:
    """The lead's clocks by name, those that stand still among them."""
    for name in KINDS:
        if clock := running(lead, name):
            yield name, clock


def _keep(lead: Lead, **changed: Clock) -> None:
    lead.clocks = {**(lead.clocks or {}), **{name: clock.to_json() for name, clock in changed.items()}}
    if lead.pk:
        record.keep(lead, "clocks")


def _note(lead: Lead, name: str, clock: Clock, terms: Terms, *, now: datetime) -> None:
    """A line of the record: the term, when it ends, whose time it runs in, and the policy it comes from."""
    if name not in ("take", "person", "confirm"):  # silence begins anew with every message of the client
        return
    config = configs.load()
    zone = config.branch(lead.branch_id).zone
    ends = "стоят" if clock.due_at is None else f"{clock.due_at.astimezone(zone):%d.%m %H:%M:%S}"
    whose = "рабочее время сотрудника" if clock.staff_id else "часы работы филиала"
    lines = [("До", ends), ("Идут", whose), ("Сроки", terms.source(name))]
    record.add(lead, "clock", f"{TOLD[name]}: {_spoken(terms.seconds(name))}", lines, now=now)


def _spoken(seconds: float) -> str:
    whole = int(seconds)
    return f"{whole} с" if whole % 60 or whole == 60 else f"{whole // 60} мин"
