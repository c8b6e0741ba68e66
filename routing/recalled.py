"""Past leads as they were when they came, and what became of them: a few queries for many, nothing written."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Max, Q, QuerySet

from routing import assignment, leads, scoring, sla
from routing.assignment import Candidate
from routing.config import Config
from routing.models import Assignment, Lead, Queue
from routing.outlook import Case, Needed, Team
from routing.rules import words
from routing.rules.deciding import Facts
from routing.ruling import facts_of, shift_word
from tenants.business import presence
from tenants.business.calendar import Calendar, Work, business_seconds_between
from tenants.business.models import Branch, StaffMember, Stage
from tenants.business.presence import Standing, Turn

ENDED_STAGES = frozenset({Stage.CONFIRMATION, Stage.REMINDER, Stage.NO_SHOW, Stage.NURTURE})  # of a lead that is over
USUAL_CALLS = ("Правило", "По правилу", "Горячая заявка", "Заявка с сайта", "Заявка стала горячей", "резервный")
_WHY_GIVEN = """
SELECT DISTINCT ON (lead_id) lead_id, details FROM routing_decision
WHERE kind = 'assigned' AND lead_id = ANY(%s) ORDER BY lead_id, id
"""


@dataclass(frozen=True)
class Recalled:
    """One lead at its beginning. Moments are aware."""

    lead_id: int
    at: datetime
    ends_at: datetime | None  # None: it is open still
    case: Case
    facts: Facts
    helped_at: datetime | None  # a person took it or answered
    first_owner_id: int | None  # who really was given it first
    scored: scoring.Facts
    temperature: scoring.Temperature
    take_seconds: float  # of business time that a person has to take it


@dataclass(frozen=True)
class Taking:
    """That a person was given a lead; `seconds` of business time until it was taken, None: it never was."""

    staff_id: int
    lead_id: int
    seconds: float | None
    lasted: float  # seconds of business time for which the person had it untaken


@dataclass
class Roster:
    """Who is at work when by the schedule alone, remembered by day: as if nobody was late, stepped out or fell ill."""

    config: Config
    home: dict[int, int]  # staff id -> branch id
    _work: dict[tuple[int, date], list[Work]] = field(default_factory=dict)
    _spans: dict[tuple[int, date], list[tuple[datetime, datetime, Standing]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._zones: set[ZoneInfo] = {calendar.zone for calendar in self.config.calendars.values()}
        self._asked: datetime | None = None
        self._asked_day = date.min

    def standing(self, staff_id: int, moment: datetime) -> Standing:
        """As `presence.standing()` of a person who never pressed the shift button."""
        for start, end, there in self._around(staff_id, moment):
            if start <= moment < end:
                return there
        return Standing(False, False, "не на смене", self.home[staff_id])

    def shift_of(self, staff_id: int, moment: datetime) -> str:
        """The shift of that day by the hour it begins: morning, day or evening; "" for none."""
        zone = self.config.branch(self.home[staff_id]).zone
        work = self._of_day(staff_id, moment.astimezone(zone).date())
        return shift_word(work[0].start if work else None, zone)

    def _around(self, staff_id: int, moment: datetime) -> list[tuple[datetime, datetime, Standing]]:
        """Work and breaks of the days about the moment."""
        if self._asked != moment:  # asked for everybody in turn
            self._asked, self._asked_day = moment, min(moment.astimezone(zone).date() for zone in self._zones)
        key = (staff_id, self._asked_day)
        if key not in self._spans:
            rota = self.config.rotas.get(staff_id)
            turns = presence.turns(rota, self.config.calendars, moment) if rota else ()
            self._spans[key] = [span for turn in turns for span in _spans(turn)]
        return self._spans[key]

    def _of_day(self, staff_id: int, day: date) -> list[Work]:
        key = (staff_id, day)
        if key not in self._work:
            rota = self.config.rotas.get(staff_id)
            self._work[key] = rota.work(day, self.config.calendars) if rota else []
        return self._work[key]


def _spans(turn: Turn) -> Iterator[tuple[datetime, datetime, Standing]]:
    """The stretches of a shift and, after them, the shift itself: who is in none of them has a break."""
    for work in turn.stretches:
        yield work.start, work.end, Standing(True, False, "", work.branch_id, began=turn.start, until=turn.end)
    resting = Standing(
        True, True, "перерыв", turn.stretches[0].branch_id, is_near=True, began=turn.start, until=turn.end
    )
    yield turn.start, turn.end, resting


@dataclass(frozen=True)
class World:
    """The business as it is now, and how loaded its people were before the first recalled lead."""

    config: Config
    team: Team
    roster: Roster
    staff: tuple[Candidate, ...]  # load and shift are those of nobody's moment
    held: tuple[tuple[int, datetime | None], ...]  # leads of before: owner, when it ended
    given: dict[int, tuple[datetime, int]]  # staff id -> when the last lead before, and its turn
    shares: tuple[tuple[int, datetime], ...]  # what was given lately before: staff id, when


# --- The business -----------------------------------------------------------------------------------------------------


def load_team(config: Config) -> Team:
    """Four queries."""
    staff = list(StaffMember.objects.filter(is_active=True).order_by("name"))
    backup = config.settings.backup_staff
    return Team(
        roles_of={person.pk: person.role for person in staff},
        names={person.pk: person.name for person in staff},
        branches_of={person.pk: person.branch_id for person in staff},
        queues={queue.key: (tuple(queue.members), queue.strategy) for queue in Queue.objects.all()},
        branch_names={branch.pk: words.plain(branch.name) for branch in Branch.objects.all()},
        tiers={stage: assignment.tiers_for(stage) for stage in Stage.values},
        roles={stage: {letter: config.roles(stage, letter) for letter in "RACI"} for stage in Stage.values},
        backup_id=backup.pk if backup and backup.is_active else None,
    )


def load_world(config: Config, since: datetime) -> World:
    """The people as candidates, and what they had on their hands at `since`."""
    rows = list(StaffMember.objects.filter(is_active=True).prefetch_related("skills").order_by("pk"))
    home = {person.pk: person.branch_id for person in rows}
    staff = tuple(
        Candidate(
            person.pk,
            person.name,
            person.role,
            is_on_shift=False,
            is_away=False,
            open_leads=0,
            load_cap=person.load_cap,
            branch_id=person.branch_id,
            skill_ids=frozenset(skill.pk for skill in person.skills.all()),
            weight=person.lead_weight,
            languages=frozenset(person.languages),
        )
        for person in rows
    )
    held = Lead.objects.filter(created_at__lt=since, is_test=False, owner__isnull=False).filter(
        Q(status__in=["open", "needs_call"]) | Q(outcome_at__gt=since)
    )
    before = Assignment.objects.filter(created_at__lt=since)
    given = before.values_list("staff").annotate(last=Max("created_at"), turn=Max("pk")).order_by()
    lately = before.filter(created_at__gt=since - assignment.RECENT).order_by("created_at")
    return World(
        config,
        load_team(config),
        Roster(config, home),
        staff,
        tuple(held.values_list("owner_id", "outcome_at")),
        {staff_id: (last, turn) for staff_id, last, turn in given},
        tuple(lately.values_list("staff", "created_at")),
    )


# --- Its leads --------------------------------------------------------------------------------------------------------


def _asked_about() -> QuerySet[Lead]:
    """Leads that rules were asked about; what the assistant took for spam never came to them."""
    aside = [Lead.Status.QUARANTINE, Lead.Status.SPAM]
    return Lead.objects.filter(is_test=False).exclude(status__in=aside, intent="spam")


def last_leads(limit: int) -> list[Lead]:
    """The newest leads that rules were asked about, oldest first; nobody's spam, no test leads."""
    found = _asked_about().select_related("contact", "conversation").order_by("-created_at", "-pk")[:limit]
    return list(reversed(found))


def count_leads() -> int:
    """How many there are to recall."""
    return _asked_about().count()


def recall(rows: Sequence[Lead], config: Config) -> list[Recalled]:
    """These leads as they were when they came. What was learned of a lead later counts as known from the start.

    Their instances are used up: their score and times are those of the beginning afterwards. Four queries."""
    ids = [lead.pk for lead in rows]
    contacts = {lead.contact_id for lead in rows}
    visits = leads.visits_of(contacts)
    led = _led(contacts)
    first = {}
    for lead_id, staff_id in Assignment.objects.filter(lead__in=ids).order_by("pk").values_list("lead_id", "staff_id"):
        first.setdefault(lead_id, staff_id)
    why_given = _why_given(ids)
    found = []
    for lead in rows:
        helped_at = min(filter(None, (lead.taken_at, lead.first_person_answer_at)), default=None)
        past = leads.past_at(visits.get(lead.contact_id, ()), lead.created_at)
        scored = _begin_again(lead, past, config)
        found.append(
            Recalled(
                lead.pk,
                lead.created_at,
                lead.outcome_at if not lead.is_open else None,
                case_of(
                    lead,
                    config,
                    why_given=why_given.get(lead.pk, ""),
                    led_by=frozenset(owner for owner, at in led.get(lead.contact_id, ()) if at < lead.created_at),
                ),
                facts_of(lead, past, config, now=lead.created_at),
                helped_at,
                first.get(lead.pk),
                scored,
                lead.temperature,
                sla.terms_of(lead).seconds("take"),
            )
        )
    return found


def _begin_again(lead: Lead, past: leads.Past, config: Config) -> scoring.Facts:
    """The instance as at its first message, never to be saved; what its score follows from."""
    lead.last_client_at = lead.created_at
    lead.taken_at = lead.first_person_answer_at = None
    facts = leads.score_facts(lead, past, config)
    result = scoring.score(facts, config.weights, now=lead.created_at)
    lead.score, lead.temperature = result.total, result.temperature
    return facts


def rescored(lead: Recalled, weights: scoring.Weights) -> Recalled:
    """The same lead at its beginning, by other weights and thresholds."""
    result = scoring.score(lead.scored, weights, now=lead.at)
    facts = {**lead.facts, "score": Decimal(result.total), "temperature": [result.temperature]}
    case = replace(lead.case, is_hot=result.temperature == "hot")
    return replace(lead, case=case, facts=facts, temperature=result.temperature)


def case_of(lead: Lead, config: Config, *, why_given: str, led_by: frozenset[int]) -> Case:
    """`why_given`: why a person was given it, where that was neither a rule's nor the score's doing."""
    stage = lead.stage if lead.stage not in ENDED_STAGES else Stage.BOOKING.value
    needed = None
    if lead.intent == "complaint":
        needed = Needed("complaint", "Жалоба")
    elif why_given and not why_given.startswith(USUAL_CALLS):
        needed = Needed(stage, why_given)
    return Case(
        stage=stage,
        branch_id=lead.branch_id,
        skill_id=config.skills.get(lead.service_id or 0),
        is_hot=lead.is_hot,
        is_form=lead.kind == "form",
        needed=needed,
        led_by=led_by,
        language=lead.conversation.state.get("language", ""),
    )


def _led(contact_ids: Collection[int]) -> dict[int, list[tuple[int, datetime]]]:
    """Who had leads of these clients, and since when: by contact id."""
    found: dict[int, list[tuple[int, datetime]]] = defaultdict(list)
    rows = Lead.objects.filter(contact__in=contact_ids, owner__isnull=False)
    for contact_id, owner_id, at in rows.values_list("contact_id", "owner_id", "created_at"):
        found[contact_id].append((owner_id, at))
    return found


def _why_given(lead_ids: list[int]) -> dict[int, str]:
    """Why each of these leads first went to a person, in the words of its record."""
    with connection.cursor() as cursor:
        cursor.execute(_WHY_GIVEN, [lead_ids])
        rows = cursor.fetchall()
    return {lead_id: _why(details) for lead_id, details in rows}


def _why(details: Any) -> str:
    lines = json.loads(details) if isinstance(details, str) else details
    return next((line["value"] for line in lines if line.get("name") == "Почему"), "")


def takings(lead_ids: Collection[int], config: Config, *, now: datetime) -> list[Taking]:
    """How long people needed to take what they were given; one query."""
    rows = Assignment.objects.filter(lead__in=lead_ids).exclude(reason="взял сам")
    found = []
    for staff_id, lead_id, branch_id, given, taken, ended, outcome in rows.values_list(
        "staff_id", "lead_id", "lead__branch_id", "created_at", "taken_at", "ended_at", "lead__outcome_at"
    ):
        calendar = config.calendars.get(branch_id or 0)
        seconds = _worked(given, taken, calendar) if taken else None
        lasted = seconds if seconds is not None else _worked(given, ended or outcome or now, calendar)
        found.append(Taking(staff_id, lead_id, seconds, lasted))
    return found


def _worked(start: datetime, end: datetime, calendar: Calendar | None) -> float:
    if end - start > timedelta(days=7):  # whoever waited a week waited long enough: it need not be summed up by days
        return timedelta(days=7).total_seconds()
    if calendar is None:
        return max((end - start).total_seconds(), 0.0)
    return business_seconds_between(start, end, calendar)
