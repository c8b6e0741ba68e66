"""Terms that were broken, against the responsibility matrix: at which stage, whose, and how late it was then."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from contacts.models import Message
from crm.models import Link
from reports import facts
from reports.facts import Places
from reports.periods import Period
from routing import record
from routing.duties import PEOPLES_CLOCKS
from routing.models import Assignment, Decision, Lead
from tenants.business.models import StaffMember

NOBODY = 0  # in place of a person's number: the assistant, or a lead that had nobody


@dataclass(frozen=True, slots=True)
class Breach:
    """One clock that ran out. `late_seconds`: from its end until what was awaited happened; None: it never did, or
    (a card in the CRM) nobody wrote down when."""

    lead_id: int
    at: datetime
    stage: str
    clock: str  # a key of routing.duties.CLOCK_TITLES
    role: str  # who answers for the stage; empty where nobody did
    staff_id: int  # whose clock it was, or NOBODY
    staff_name: str
    late_seconds: float | None
    is_done: bool


def load(period: Period, places: Places, branch_id: int | None = None) -> list[Breach]:
    """Breaches of the period's days, oldest first; six queries at most."""
    rows = Decision.objects.filter(
        kind="breach", created_at__range=facts.around(period), lead__in=facts.real_leads(branch_id)
    )
    told = rows.order_by("created_at", "pk").values_list("lead_id", "lead__branch_id", "created_at", "details")
    found = [
        (lead_id, at, known)
        for lead_id, branch, at, details in told
        if (known := record.facts_of(details)) and at.astimezone(places.of(branch).zone).date() in period
    ]
    ends = _Ends({lead_id for lead_id, _, _ in found})
    cards = _cards({lead_id for lead_id, _, known in found if known["clock"] == "card"})
    names = dict(StaffMember.objects.filter(pk__in={known["staff"] for _, _, known in found}).values_list("pk", "name"))
    return [_breach(lead_id, at, known, ends, cards, names) for lead_id, at, known in found]


def _breach(
    lead_id: int, at: datetime, known: Mapping, ends: _Ends, cards: Container[int], names: Mapping[int, str]
) -> Breach:
    due, clock = datetime.fromisoformat(known["due"]), known["clock"]
    end = ends.of(lead_id, clock, due)
    return Breach(
        lead_id=lead_id,
        at=at,
        stage=known["stage"],
        clock=clock,
        role=known["role"],
        staff_id=known["staff"] or NOBODY,
        staff_name=names.get(known["staff"], "") or _instead(clock),
        late_seconds=max((end - due).total_seconds(), 0) if end else None,
        is_done=end is not None or (clock == "card" and lead_id in cards),
    )


def _instead(clock: str) -> str:
    """Who is named where it was nobody's clock."""
    if clock == "card":
        return "Битрикс24"
    return "Никто" if clock in PEOPLES_CLOCKS else "Ассистент"


def _cards(lead_ids: Collection[int]) -> set[int]:
    """Which of these leads have their card in the CRM by now."""
    rows = Link.objects.filter(kind=Link.Kind.LEAD, local_id__in=lead_ids).exclude(remote_id="")
    return set(rows.values_list("local_id", flat=True)) if lead_ids else set()


class _Ends:
    """When what a clock awaited happened at last, for some leads; three queries."""

    def __init__(self, lead_ids: Iterable[int]) -> None:
        leads = Lead.objects.filter(pk__in=lead_ids).values_list(
            "pk", "conversation_id", "first_answer_at", "outcome_at"
        )
        self._leads = {pk: (conversation, answered, outcome) for pk, conversation, answered, outcome in leads}
        self._taken = _by_key(
            Assignment.objects.filter(lead__in=self._leads, taken_at__isnull=False).values_list("lead_id", "taken_at")
        )
        talks = {conversation for conversation, _, _ in self._leads.values()}
        said = Message.objects.filter(conversation__in=talks, author=Message.Author.STAFF)
        self._said = _by_key(said.values_list("conversation_id", "sent_at"))

    def of(self, lead_id: int, clock: str, due: datetime) -> datetime | None:
        conversation, answered, outcome = self._leads[lead_id]
        if clock == "answer":
            return answered
        if clock == "take":
            return _first_from(self._taken[lead_id], due)
        if clock in ("person", "silence"):
            return _first_from(self._said[conversation], due)
        return outcome if clock == "confirm" else None


def _by_key(rows: Iterable[tuple[int, datetime]]) -> defaultdict[int, list[datetime]]:
    found: defaultdict[int, list[datetime]] = defaultdict(list)
    for key, moment in rows:
        found[key].append(moment)
    for moments in found.values():
        moments.sort()
    return found


def _first_from(moments: list[datetime], due: datetime) -> datetime | None:
    number = bisect_left(moments, due)
    return moments[number] if number < len(moments) else None
