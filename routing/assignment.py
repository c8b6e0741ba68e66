"""Who answers for a lead: `choose()` is pure, the verbs write. One owner at a time, the cap never exceeded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction

from assistant import dialogue
from assistant.languages import TITLES
from channels_app import live
from channels_app.notices import notify
from contacts.models import Conversation
from leadhub import rehearsal, rows
from routing import config as configs
from routing import duties, presence, record, sla
from routing.models import Assignment, Lead
from routing.signals import lead_changed
from tenants.business.models import Role, StaffMember

SPECIALIST = Role.SPECIALIST.value
ON_DUTY = (Role.MANAGER.value, Role.SENIOR.value, Role.OWNER.value)  # who is at work answers when nobody else can
RECENT = timedelta(hours=12)  # of what was given to a person, for shares by weight
FILTERS = "работает → на смене → на месте → навык → не занят → ещё не получал эту заявку → язык клиента → свой филиал"


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
    weight: int = 1  # of four leads shared by weights 3 and 1 the first gets three
    is_previous: bool = False  # led this client before
    absence: str = ""  # why not at work or away, in words
    is_near: bool = False  # away, but not for long: asked when nobody else can
    turn: int = 0  # number of the last assignment: who of several was given one first at the same moment
    since: datetime | None = None  # at work since; None: nobody knows
    languages: frozenset[str] = frozenset()  # besides Russian, keys of `assistant.languages.TITLES`
    given: tuple[datetime, ...] = ()  # when this person was given leads lately


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
    language: str = "",
    has_reserve: bool = False,
    backup_id: int | None = None,
) -> Choice:
    """The person a lead goes to: the first tier with somebody able; in it whom the strategy prefers, then whoever
    waited longest.

    `first`: the people (ids) whom a rule named, a tier before the tiers of roles; the strategy is theirs. Able: on
    shift, not away, with the skill where a specialist's is asked for, below the cap, not in `exclude` (was given it
    before). Of a tier those who speak the client's `language` come before others ("" and Russian are everybody's), then
    people of the lead's own branch.

    `has_reserve`: where nobody is able, those of the branch who are away for a moment are asked, then whoever of
    ON_DUTY is at work anywhere. `backup_id` comes last, on shift or not. Every candidate gets a verdict.
    """
    obstacles = {person.staff_id: _obstacle(person, exclude, skill_id) for person in candidates}
    circles = [[person for person in candidates if person.role in roles] for roles in tiers]
    if first:
        circles.insert(0, [person for person in candidates if person.staff_id in first])
    for number, circle in enumerate(circles):
        able = _who_speak([person for person in circle if not obstacles[person.staff_id]], language, obstacles)
        if not able:
            continue
        used = strategy if first and number == 0 else "round_robin"
        chosen, reason = _best(able, used, branch_id, skill_id)
        back = number - bool(first)
        if first and number:
            reason = f"названные правилом не могут; {reason}"
        elif back > 0:
            reason = f"из {'запасного' if back == 1 else 'последнего'} круга: {reason}"
        return Choice(chosen.staff_id, reason, _verdicts(candidates, obstacles, chosen, reason, able, branch_id))
    nobody = _why_nobody([person for circle in circles for person in circle], obstacles)
    for title, able in _reserve(candidates, circles, obstacles, branch_id, exclude, has_reserve, backup_id):
        if able:
            chosen, _ = _best(able, "round_robin", branch_id, skill_id)
            reason = f"{title}: {nobody}"
            return Choice(chosen.staff_id, reason, _verdicts(candidates, obstacles, chosen, reason, able, branch_id))
    return Choice(None, nobody, _verdicts(candidates, obstacles, None, "", [], branch_id))


def _who_speak(able: list[Candidate], language: str, obstacles: dict[int, str]) -> list[Candidate]:
    """Those of them who speak the client's language, where any does; the others have that obstacle then."""
    speakers = [person for person in able if language in person.languages]
    if not speakers:
        return able
    for person in able:
        if person not in speakers:
            obstacles[person.staff_id] = f"не владеет языком: {TITLES[language]}"
    return speakers


def _reserve(
    candidates: Sequence[Candidate],
    circles: Sequence[Sequence[Candidate]],
    obstacles: Mapping[int, str],
    branch_id: int | None,
    exclude: Collection[int],
    has_reserve: bool,
    backup_id: int | None,
) -> list[tuple[str, list[Candidate]]]:
    """Who is asked when nobody of the usual circles is able, in their order, with how it is told."""
    asked = []
    if has_reserve:
        usual = {person.staff_id: person for circle in circles for person in circle if person.is_near}
        near = [person for person in usual.values() if branch_id is None or person.branch_id == branch_id]
        asked.append(("временно отсутствует", [person for person in near if not _burden(person, exclude)]))
        duty = [person for person in candidates if person.role in ON_DUTY and not obstacles[person.staff_id]]
        asked.append(("дежурный", duty))
    backup = [person for person in candidates if person.staff_id == backup_id]
    asked.append(("резервный сотрудник", [person for person in backup if may_be_asked(person, exclude)]))
    return asked


def may_be_asked(person: Candidate, exclude: Collection[int]) -> bool:
    """Whether a person, on shift or not, may be given a lead at their turn: not out, not full, not tried yet."""
    return (person.is_near or not person.is_away) and not _burden(person, exclude)


def _obstacle(person: Candidate, exclude: Collection[int], skill_id: int | None) -> str:
    """The first filter that leaves the person out; "": none does."""
    if not person.is_on_shift:
        return person.absence or "не на смене"
    if person.is_away:
        return person.absence or "отошёл"
    if person.role == SPECIALIST and skill_id is not None and skill_id not in person.skill_ids:
        return "нет навыка для этой услуги"
    return _burden(person, exclude)


def _burden(person: Candidate, exclude: Collection[int]) -> str:
    if person.open_leads >= person.load_cap:
        return f"занят: {_load(person)}"
    return "заявка уже была у этого сотрудника" if person.staff_id in exclude else ""


def _why_nobody(asked: Sequence[Candidate], obstacles: Mapping[int, str]) -> str:
    """Why the lead has no owner, as the inbox shows it after «без хозяина:»."""
    told = [obstacles[person.staff_id] for person in asked]
    return "все, кто на смене, заняты" if any(why.startswith("занят") for why in told) else NOBODY


NOBODY = "никого подходящего нет на смене"


def _load(person: Candidate) -> str:
    return f"{person.open_leads} из {person.load_cap} заявок"


def _waited(person: Candidate) -> tuple:
    given = person.last_given_at
    return (given is not None, given.timestamp() if given else 0.0, person.turn, person.staff_id)


def _best(
    able: Sequence[Candidate], strategy: str, branch_id: int | None, skill_id: int | None
) -> tuple[Candidate, str]:
    """Whom the strategy prefers, and why."""
    since = max((person.since for person in able if person.since), default=None)
    chosen = min(able, key=lambda person: _rank(person, strategy, branch_id, skill_id, since))
    why = _why(strategy, chosen, skill_id) if len(able) > 1 else "единственный свободный"
    return chosen, f"{why}, сейчас {_load(chosen)}"


def _rank(
    person: Candidate, strategy: str, branch_id: int | None, skill_id: int | None, since: datetime | None
) -> tuple:
    """The least is preferred. Who led the client before comes even from another branch.

    `since`: when the last of them came to work. Shares by weight are counted from then, so that whoever comes later
    has nothing to catch up with."""
    elsewhere, waited = person.branch_id != branch_id, _waited(person)
    if strategy == "sticky":
        return (not person.is_previous, elsewhere, *waited)
    if strategy == "least_loaded":
        return (elsewhere, person.open_leads / max(person.load_cap, 1), *waited)
    if strategy == "weighted":
        got = sum(1 for moment in person.given if since is None or moment >= since)
        return (elsewhere, (got + 1) / max(person.weight, 1), *waited)
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
    obstacles: Mapping[int, str],
    chosen: Candidate | None,
    reason: str,
    able: Sequence[Candidate],
    branch_id: int | None,
) -> tuple[Verdict, ...]:
    lines = []
    for person in candidates:
        if person is chosen:
            lines.append(Verdict(person.name, True, reason))
        elif person in able:
            is_elsewhere = chosen is not None and chosen.branch_id == branch_id != person.branch_id
            why = "работает в другом филиале" if is_elsewhere else "получил заявку позже, чем выбранный сотрудник"
            lines.append(Verdict(person.name, False, why))
        else:
            lines.append(Verdict(person.name, False, obstacles[person.staff_id] or "не отвечает за этот этап"))
    return tuple(lines)


# --- The world as candidates ----------------------------------------------------------------------------------------


_PEOPLE = """
SELECT s.*, last.id AS turn, last.created_at AS given_at,
    (SELECT count(*) FROM routing_lead l
     WHERE l.owner_id = s.id AND l.status IN ('open', 'needs_call') AND NOT l.is_test) AS load,
    EXISTS (SELECT 1 FROM routing_lead l WHERE l.owner_id = s.id AND l.contact_id = %(contact)s
            AND l.status NOT IN ('open', 'needs_call')) AS has_led,
    ARRAY(SELECT k.skill_id FROM business_staffmember_skills k WHERE k.staffmember_id = s.id) AS skill_ids,
    ARRAY(SELECT a.created_at FROM routing_assignment a
          WHERE a.staff_id = s.id AND a.created_at > %(recent)s) AS given
FROM business_staffmember s LEFT JOIN LATERAL (
    SELECT a.id, a.created_at FROM routing_assignment a
    WHERE a.staff_id = s.id ORDER BY a.created_at DESC, a.id DESC LIMIT 1) last ON true
WHERE s.is_active AND (s.role = ANY(%(roles)s) OR s.id = ANY(%(ids)s)) ORDER BY s.id
"""


def people_at_work(
    now: datetime,
    roles: Collection[str],
    ids: Collection[int] = (),
    *,
    contact_id: int | None = None,
    shares: bool = False,
) -> list[tuple[StaffMember, Candidate]]:
    """Everybody of these roles or ids with shift and load as of `now`, and whether they led this contact before; one
    query whatever the size of the staff. `shares`: with what they were given lately, for the strategy by weights."""
    asked = {
        "roles": list(roles),
        "ids": list(ids),
        "contact": contact_id,
        "recent": now - RECENT if shares else now,
    }
    return [(person, _candidate(person, now)) for person in StaffMember.objects.raw(_PEOPLE, asked)]


def _candidate(person: StaffMember, now: datetime) -> Candidate:
    there = presence.standing(person, now=now)
    return Candidate(
        person.pk,
        person.name,
        person.role,
        there.is_on_shift,
        there.is_absent,
        person.load,
        person.load_cap,
        there.branch_id,
        person.given_at,
        skill_ids=frozenset(person.skill_ids),
        weight=person.lead_weight,
        is_previous=person.has_led,
        absence=there.why,
        is_near=there.is_near,
        turn=person.turn or 0,
        since=there.began,
        languages=frozenset(person.languages),
        given=tuple(person.given),
    )


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
    only_present: bool = False,
    is_quiet: bool = False,
) -> StaffMember | None:
    """Choose a person for the lead and make that person its owner; tells the person.

    Those whom a rule named (`first`, staff ids) come before the stage's R, the managers and the A; `only_first`: nobody
    else will do. Nobody able at work: who is away for a moment, who is on duty, then the backup get it, but not where
    `only_present`. Nobody at all: None, and a lead without an owner waits in the queue with the reason (`is_quiet`: it
    waits there already). The caller holds the lock of the lead's conversation.
    """
    lock_assigning()
    config = configs.load()
    tiers = [] if only_first else tiers_for(stage)
    has_reserve = not (only_first or only_present)
    backup = config.settings.backup_staff_id if has_reserve else None
    people = people_at_work(
        now,
        {role for tier in tiers for role in tier} | set(ON_DUTY if has_reserve else ()),
        [*first, *([backup] if backup else [])],
        contact_id=lead.contact_id,
        shares=strategy == "weighted",
    )
    choice = choose(
        [candidate for _, candidate in people],
        tiers=tiers,
        branch_id=lead.branch_id,
        exclude=exclude,
        first=first,
        strategy=strategy,
        skill_id=config.skills.get(lead.service_id or 0),
        language=lead.conversation.state.get("language", ""),
        has_reserve=has_reserve,
        backup_id=backup,
    )
    staff = next((person for person, _ in people if person.pk == choice.staff_id), None)
    if staff is None:
        if not is_quiet:
            title = "По правилу передать некому" if only_first else "Передать некому"
            record.add(lead, "assigned", title, _lines(choice), now=now)
        if not only_first:
            wait(lead, choice.reason, now=now)
        return None
    assignment = make_owner(lead, staff, reason=choice.reason, now=now)
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
    told = [(("→ " if verdict.is_chosen else "") + verdict.name, verdict.reason) for verdict in choice.verdicts]
    return [*told, ("Порядок отбора", FILTERS)]


def wait(lead: Lead, why: str, *, now: datetime) -> None:
    """A lead without an owner waits in the queue, with the reason, until somebody is there; since when does not change
    while it waits. Nothing for a lead that has one."""
    if lead.owner_id or not lead.is_open:
        return
    lead.waits_why, lead.waits_since = why[:200], lead.waits_since or now
    record.keep(lead, "waits_why", "waits_since")
    if not lead.is_test:
        presence.watch_next_shift(now=now)


def make_owner(lead: Lead, staff: StaffMember, *, reason: str, now: datetime, taken: bool = False) -> Assignment:
    """End the current assignment and begin this one; the caller holds `lock_assigning()`."""
    if lead.assigned_at:
        lead.assignments.filter(ended_at=None).update(ended_at=now, end_reason=reason[:200])
    lead.owner, lead.assigned_at = staff, now
    lead.taken_at = now if taken else None
    lead.changed_at = now
    lead.waits_why, lead.waits_since = "", None
    record.keep(lead, "owner", "assigned_at", "taken_at", "changed_at", "waits_why", "waits_since")
    assignment = Assignment(
        lead=lead, staff=staff, reason=reason[:200], created_at=now, taken_at=now if taken else None
    )
    rows.store(assignment)
    presence.watch(staff, now=now)
    return assignment


def release(lead: Lead, *, reason: str, now: datetime) -> None:
    """The lead has no owner any more; the caller holds `lock_assigning()`."""
    lead.assignments.filter(ended_at=None).update(ended_at=now, end_reason=reason[:200])
    lead.owner = lead.assigned_at = lead.taken_at = None
    lead.changed_at = now
    record.keep(lead, "owner", "assigned_at", "taken_at", "changed_at")


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
    presence.acknowledged(by, now=now)
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
