"""What other weights and thresholds would make of the last leads: how many change their temperature, and which ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from routing import leads
from routing.config import Config
from routing.models import Lead
from routing.queries import name_of
from routing.scoring import Facts, Move, Score, Temperature, Weights, moves, score

LEADS = 200
BIN = 5  # points of a column of the plot
TEMPERATURES: tuple[Temperature, ...] = ("hot", "warm", "cold")


@dataclass(frozen=True)
class Known:
    """A lead as facts of a score. `at`: now for an open one, its client's last word for one that is over."""

    lead_id: int
    title: str
    facts: Facts
    at: datetime


@dataclass(frozen=True)
class Change:
    lead_id: int
    title: str
    before: Score
    after: Score
    moved: tuple[Move, ...]  # the parts that moved it, the strongest first; none: only the thresholds did

    @property
    def why(self) -> str:
        told = ", ".join(f"{move.title} {move.before} → {move.after}" for move in self.moved)
        return told or "другие пороги"


@dataclass(frozen=True)
class Column:
    """Leads of a range of scores: from `start`, `BIN` points wide."""

    start: int
    before: int
    after: int


@dataclass(frozen=True)
class Preview:
    count: int
    matrix: dict[tuple[Temperature, Temperature], int]  # before, after -> leads
    changes: tuple[Change, ...]  # of temperature, the largest difference of the score first
    moved: int  # leads whose score differs, whatever their temperature
    columns: tuple[Column, ...]

    def total(self, temperature: Temperature, *, after: bool) -> int:
        return sum(count for pair, count in self.matrix.items() if pair[after] == temperature)


def last_leads(config: Config, *, now: datetime, limit: int = LEADS) -> list[Known]:
    """The newest leads, spam and test ones aside; two queries."""
    rows = Lead.objects.filter(is_test=False).exclude(status__in=[Lead.Status.QUARANTINE, Lead.Status.SPAM])
    found = list(rows.select_related("contact", "conversation__identity").order_by("-created_at", "-pk")[:limit])
    visits = leads.visits_of({lead.contact_id for lead in found})
    known = []
    for lead in found:
        at = now if lead.is_open else lead.last_client_at
        past = leads.past_at(visits.get(lead.contact_id, ()), at)
        title = " · ".join(filter(None, (name_of(lead.contact, lead.conversation.identity), lead.summary)))
        known.append(Known(lead.pk, title, leads.score_facts(lead, past, config), at))
    return known


def preview(known: Sequence[Known], before: Weights, after: Weights) -> Preview:
    """The same leads at the same moments by two sets of weights. Pure."""
    matrix: Counter[tuple[Temperature, Temperature]] = Counter()
    columns: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    changes, moved = [], 0
    for lead in known:
        old, new = score(lead.facts, before, now=lead.at), score(lead.facts, after, now=lead.at)
        matrix[old.temperature, new.temperature] += 1
        moved += old.total != new.total
        for counted, one in zip(columns, (old, new), strict=True):
            counted[min(one.total, 99) // BIN * BIN] += 1
        if old.temperature != new.temperature:
            changes.append(Change(lead.lead_id, lead.title, old, new, moves(old.parts, new.parts)))
    changes.sort(key=lambda change: -abs(change.after.total - change.before.total))
    starts = range(0, 100, BIN)
    return Preview(
        len(known),
        dict(matrix),
        tuple(changes),
        moved,
        tuple(Column(start, columns[0][start], columns[1][start]) for start in starts),
    )
