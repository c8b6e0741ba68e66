"""Who answers for a lead: `choose()` is pure, the verbs write. One owner at a time, the cap never exceeded."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction

from assistant import dialogue
from channels_app import live
from channels_app.notices import notify
from contacts.models import Conversation
from leadhub import rehearsal, rows
from routing import config as configs
from routing import duties, record, sla
from routing.config import Config
from routing.models import Assignment, Lead
from routing.signals import lead_changed
from tenants.business.models import StaffMember


class AlreadyTaken(Exception):
    """Somebody else answers for the lead already."""

    def __init__(self, by: StaffMember) -> None:
        super().__init__(f"Заявку уже ведёт {by}")
        self.by = by


@dataclass(frozen=True)
class Candidate:
    """One person as a choice: what speaks for and against giving this person a lead now."""

    staff_id: int
    name: str
    role: str
    is_on_shift: bool
    is_away: bool
    open_leads: int
    load_cap: int
    branch_id: int
    last_given_at: datetime | None = None  # None: never given one, so waits the longest
    skill_ids: frozenset[int] = frozenset()
    weight: int = 1  # of ten leads shared by weights 3 and 1 the first gets about eight
    is_previous: bool = False  # led this client before


@dataclass(frozen=True)
class Verdict:
    """What became of one candidate, in a receptionist's words."""

    name: str
    is_chosen: bool
    reason: str


@dataclass(frozen=True)
class Choice:
    staff_id: int | None  # None: nobody suits
    reason: str
    verdicts: tuple[Verdict, ...]


def choose(
    candidates: Sequence[Candidate],
    *,
    tiers: Sequence[Collection[str]],
    branch_id: int | None,
    exclude: Collection[int],
    first: Collection[int] = (),
    strategy: str = "round_robin",
    skill_id: int | None = None,
) -> Choice:
    """The person a lead goes to: the first tier with somebody able; in it whom the strategy prefers, then whoever
    waited longest.

    `first`: the people (ids) whom a rule named, a tier before the tiers of roles; the strategy is theirs. Able: on
    shift, not away, below the cap, not in `exclude` (was given it before). People of the lead's own branch come before
    others of the same tier. Every candidate gets a verdict.
    """
    obstacles = {person.staff_id: _obstacle(person, exclude) for person in candidates}
    circles = [[person for person in candidates if person.role in roles] for roles in tiers]
    if first:
        circles.insert(0, [person for person in candidates if person.staff_id in first])
    for number, circle in enumerate(circles):
        able = [person for person in circle if not obstacles[person.staff_id]]
        if not able:
            continue
        used = strategy if first and number == 0 else "round_robin"
        chosen = min(able, key=lambda person: _rank(person, used, branch_id, skill_id))
        why = _why(used, chosen, skill_id) if len(able) > 1 else "единственный свободный"
        reason = f"{why}, сейчас {_load(chosen)}"
        back = number - bool(first)
        if first and number:
            reason = f"названные правилом не могут; {reason}"
        elif back > 0:
            reason = f"из {'запасного' if back == 1 else 'последнего'} круга: {reason}"
        return Choice(chosen.staff_id, reason, _verdicts(candidates, obstacles, chosen, reason, able))
    return Choice(None, "никого подходящего нет на смене", _verdicts(candidates, obstacles, None, "", []))


def _obstacle(person: Candidate, exclude: Collection[int]) -> str:
    if person.staff_id in exclude:
        return "заявка уже была у этого сотрудника"
    if not person.is_on_shift:
        return "не на смене"
    if person.is_away:
        return "отошёл"
    if person.open_leads >= person.load_cap:
        return f"занят: {_load(person)}"
    return ""


def _load(person: Candidate) -> str:
    return f"{person.open_leads} из {person.load_cap} заявок"


def _waited(person: Candidate) -> tuple:
    given = person.last_given_at
    return (given is not None, given.timestamp() if given else 0.0, person.staff_id)


def _rank(person: Candidate, strategy: str, branch_id: int | None, skill_id: int | None) -> tuple:
    """The least is preferred. Who led the client before comes even from another branch."""
    elsewhere, waited = person.branch_id != branch_id, _waited(person)
    if strategy == "sticky":
        return (not person.is_previous, elsewhere, *waited)
    if strategy == "least_loaded":
        return (elsewhere, person.open_leads / max(person.load_cap, 1), *waited)
    if strategy == "weighted":
        return (elsewhere, (person.open_leads + 1) / max(person.weight, 1), *waited)
    if strategy == "by_skill":
        return (elsewhere, skill_id not in person.skill_ids, *waited)
    return (elsewhere, *waited)


def _why(strategy: str, chosen: Candidate, skill_id: int | None) -> str:
    if strategy == "sticky" and chosen.is_previous:
        return "вёл этого клиента раньше"
    if strategy == "by_skill" and skill_id in chosen.skill_ids:
        return "владеет услугой"
    return {"least_loaded": "наименее занят", "weighted": "по весу его очередь"}.get(
        strategy, "дольше всех ждёт заявку"
    )


def _verdicts(
    candidates: Sequence[Candidate],
    obstacles: dict[int, str],
    chosen: Candidate | None,
    reason: str,
    able: Sequence[Candidate],
) -> tuple[Verdict, ...]:
    lines = []
    for person in candidates:
        if person is chosen:
            lines.append(Verdict(person.name, True, reason))
        elif person in able:
            lines.append(Verdict(person.name, False, "получил заявку позже, чем выбранный сотрудник"))
        else:
            lines.append(Verdict(person.name, False, obstacles[person.staff_id] or "не отвечает за этот этап"))
    return tuple(lines)


# --- The world as candidates ----------------------------------------------------------------------------------------


_PEOPLE = """
SELECT s.*,
    (SELECT count(*) FROM routing_lead l
     WHERE l.owner_id = s.id AND l.status IN ('open', 'needs_call') AND NOT l.is_test) AS load,
    (SELECT max(a.created_at) FROM routing_assignment a WHERE a.staff_id = s.id) AS given_at,
    EXISTS (SELECT 1 FROM routing_lead l WHERE l.owner_id = s.id AND l.contact_id = %(contact)s
            AND l.status NOT IN ('open', 'needs_call')) AS has_led,
    ARRAY(SELECT k.skill_id FROM business_staffmember_skills k WHERE k.staffmember_id = s.id) AS skill_ids
FROM business_staffmember s
WHERE s.is_active AND (s.role = ANY(%(roles)s) OR s.id = ANY(%(ids)s)) ORDER BY s.id
"""


def people_at_work(
    now: datetime, roles: Collection[str], ids: Collection[int] = (), *, contact_id: int | None = None
) -> list[tuple[StaffMember, Candidate]]:
    """Everybody of these roles or ids with shift and load as of `now`, and whether they led this contact before; one
    query whatever the size of the staff."""
    config = configs.load()
    return [
        (
            person,
            Candidate(
                person.pk,
                person.name,
                person.role,
                _is_at_work(person, config, now),
                person.is_away,
                person.load,
                person.load_cap,
                person.branch_id,
                person.given_at,
                skill_ids=frozenset(person.skill_ids),
                is_previous=person.has_led,
            ),
        )
        for person in StaffMember.objects.raw(_PEOPLE, {"roles": list(roles), "ids": list(ids), "contact": contact_id})
    ]


def _is_at_work(person: StaffMember, config: Config, now: datetime) -> bool:
    rota = config.rotas.get(person.pk)
    return rota is not None and rota.at(now, config.calendars) is not None


def tiers_for(stage: str) -> list[list[str]]:
    """Roles in the order in which they are tried: R of the stage, then managers, then the one who is accountable."""
    config = configs.load()
    tiers = [config.roles(stage, "R"), ["manager"], config.roles(stage, "A")]
    return [tier for tier in tiers if tier]


# --- Verbs -----------------------------------------------------------------------------------------------------------


def lock_assigning() -> None:
    """Assignments of one business are decided one after another, so that caps and rotation hold.

    A rehearsal gives nothing to anybody: real leads do not wait for it."""
    if rehearsal.is_on():
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema() || ':assign'), 0)")


@transaction.atomic(savepoint=False)
def give(
    lead: Lead,
    *,
    stage: str,
    now: datetime,
    why: str,
    exclude: Collection[int] = (),
    kind: str = "hot_lead",
    first: Collection[int] = (),
    strategy: str = "round_robin",
    only_first: bool = False,
) -> StaffMember | None:
    """Choose a person for the lead and make that person its owner; tells the person.

    Those whom a rule named (`first`, staff ids) come before the stage's R, the managers and the A; `only_first`: nobody
    else will do. Nobody able on shift: the backup gets it; no backup set: None, and the caller makes a call task. The
    caller holds the lock of the lead's conversation.
    """
    lock_assigning()
    tiers = [] if only_first else tiers_for(stage)
    people = people_at_work(now, {role for tier in tiers for role in tier}, first, contact_id=lead.contact_id)
    choice = choose(
        [candidate for _, candidate in people],
        tiers=tiers,
        branch_id=lead.branch_id,
        exclude=exclude,
        first=first,
        strategy=strategy,
        skill_id=configs.load().skills.get(lead.service_id or 0),
    )
    staff, reason = next((person for person, _ in people if person.pk == choice.staff_id), None), choice.reason
    if staff is None and only_first:
        record.add(lead, "assigned", "По правилу передать некому", _lines(choice), now=now)
        return None
    if staff is None:
        backup = configs.load().settings.backup_staff
        if backup is None or backup.pk in exclude or not backup.is_active:
            record.add(lead, "assigned", "Передать некому", _lines(choice), now=now)
            return None
        staff, reason = backup, f"резервный сотрудник: {choice.reason}"
    assignment = make_owner(lead, staff, reason=reason, now=now)
    record.add(lead, "assigned", f"Назначено: {staff.name}", [("Почему", why), *_lines(choice)], now=now)
    notify(
        staff,
        kind,
        f"{why}: {lead.summary or 'новая заявка'}"[:300],
        lead_id=lead.pk,
        key=f"{kind}-{assignment.pk}",
        now=now,
    )
    duties.ask_advice(lead, why=why, now=now)
    lead_changed.send(Lead, lead=lead, what="assigned", now=now)
    return staff


def _lines(choice: Choice) -> list[tuple[str, str]]:
    return [(("→ " if verdict.is_chosen else "") + verdict.name, verdict.reason) for verdict in choice.verdicts]


def make_owner(lead: Lead, staff: StaffMember, *, reason: str, now: datetime, taken: bool = False) -> Assignment:
    """End the current assignment and begin this one; the caller holds `lock_assigning()`."""
    if lead.assigned_at:
        lead.assignments.filter(ended_at=None).update(ended_at=now, end_reason=reason[:200])
    lead.owner, lead.assigned_at = staff, now
    lead.taken_at = now if taken else None
    lead.changed_at = now
    record.keep(lead, "owner", "assigned_at", "taken_at", "changed_at")
    assignment = Assignment(
        lead=lead, staff=staff, reason=reason[:200], created_at=now, taken_at=now if taken else None
    )
    rows.store(assignment)
    return assignment


@transaction.atomic
def take(lead: Lead, *, by: StaffMember, now: datetime) -> Lead:
    """`by` answers for the lead from `now` on and leads its conversation; the assistant falls silent at once.

    Raises AlreadyTaken while somebody else leads it. Taking twice is as good as once; what was given back to the
    assistant may be taken by anybody.
    """
    conversation = Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    lock_assigning()
    lead = Lead.objects.select_for_update().get(pk=lead.pk)
    is_led = lead.taken_at is not None and conversation.held_by_id is not None
    if is_led and lead.owner_id != by.pk:
        raise AlreadyTaken(lead.owner)
    if is_led and conversation.held_by_id == by.pk:
        return lead
    if lead.owner_id == by.pk:
        lead.taken_at = lead.changed_at = now
        record.keep(lead, "taken_at", "changed_at")
        lead.assignments.filter(ended_at=None).update(taken_at=now)
    else:
        make_owner(lead, by, reason="взял сам", now=now, taken=True)
    conversation.held_by, conversation.needs_person = by, False
    conversation.save(update_fields=["held_by", "needs_person"])
    if lead.status == Lead.Status.NEEDS_CALL:
        lead.status = Lead.Status.OPEN
        record.keep(lead, "status")
    sla.taken(lead, now=now)
    duties.ask_advice(lead, why=f"ведёт {by.name}", now=now)
    record.add(lead, "taken", f"{by.name} ведёт заявку", [("Ассистент", "замолчал")], now=now)
    lead_changed.send(Lead, lead=lead, what="taken", now=now)
    live.publish("lead", id=lead.pk)
    return lead


@transaction.atomic
def hand_back(lead: Lead, *, by: StaffMember, now: datetime) -> Lead:
    """The assistant leads the conversation again; the person stays the owner but answers no clock."""
    conversation = Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    lead = Lead.objects.select_for_update().get(pk=lead.pk)
    conversation.held_by, conversation.needs_person = None, False
    conversation.state = {**conversation.state, "dialogue": dialogue.hand_back(conversation.state.get("dialogue"))}
    conversation.save(update_fields=["held_by", "needs_person", "state"])
    lead.changed_at = now
    record.keep(lead, "changed_at")
    sla.handed_back(lead, now=now)
    record.add(lead, "handed_back", f"{by.name} вернул(а) заявку ассистенту", [], now=now)
    lead_changed.send(Lead, lead=lead, what="handed_back", now=now)
    live.publish("lead", id=lead.pk)
    return lead
