"""The decision record: each decision of a lead as a line that a receptionist can read; and a step's changes of a lead,
written together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import connection

from leadhub import rows
from routing.models import Decision, Lead, Task
from routing.rules.deciding import called
from routing.rules.shapes import Rule

LOST = ("Итог", "уже решило правило выше")  # of a rule that held and had nothing left to decide


class Draft:
    """What one step changes on a lead and writes on its record; `together()` stores it.

    `is_new`: the lead began in this step, and `tasks` are all that it has."""

    def __init__(self, *, is_new: bool) -> None:
        self.fields: set[str] = set()
        self.lines: list[Decision] = []
        self.is_new = is_new
        self.tasks: list[Task] = []


@contextmanager
def together(lead: Lead) -> Iterator[None]:
    """Within it `add()` and `keep()` on this very instance only note what they were told; at its end all of it is
    stored in one round trip. A lead that is new must have been saved before the end."""
    lead.draft = Draft(is_new=lead.pk is None)
    try:
        yield
        draft = lead.draft
    finally:
        lead.draft = None
    statements = [rows.update(lead, *sorted(draft.fields))] if draft.fields else []
    for line in draft.lines:
        line.lead = lead
    if draft.lines:
        statements.append(rows.insert(*draft.lines))
    if statements:
        with connection.cursor() as cursor:
            cursor.execute(
                ";\n".join(sql for sql, _ in statements), [each for _, values in statements for each in values]
            )


def add(
    lead: Lead,
    kind: str,
    title: str,
    details: Iterable[tuple[str, str]] = (),
    *,
    facts: Mapping[str, Any] | None = None,
    now: datetime,
) -> None:
    """Write one decision: what, in a few words, and the reasons as (name, value) lines. `facts`: plain JSON for reports
    and later decisions, which stands with the first line (there must be one) and no screen shows."""
    lines: list[dict[str, Any]] = as_details(details)
    if facts is not None:
        lines[0]["facts"] = dict(facts)
    decision = Decision(kind=kind, title=title[:200], details=lines, created_at=now)
    if lead.draft is not None:
        lead.draft.lines.append(decision)
        return
    decision.lead = lead
    rows.store(decision)


def facts_of(details: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What `add()` was given as `facts`; empty where there were none."""
    return next((line["facts"] for line in details if "facts" in line), {})


def as_details(lines: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Lines as a decision keeps them."""
    return [{"name": name, "value": value} for name, value in lines]


def rule_title(rule: Rule) -> str:
    """How the record calls a rule, and by what its work is counted. Rules that are called the same are one."""
    return f"Правило «{called(rule)}»"[:200]


def keep(lead: Lead, *fields: str) -> None:
    """Store these fields of the lead, now or with the rest of its step."""
    if lead.draft is not None:
        lead.draft.fields.update(fields)
    elif fields:
        lead.save(update_fields=fields)
