"""The decision record: each decision of a lead as a line that a receptionist can read; and a step's changes of a lead,
written together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection

from leadhub import rows
from routing.models import Decision, Lead


class Draft:
    """What one step changes on a lead and writes on its record; `together()` stores it."""

    def __init__(self) -> None:
        self.fields: set[str] = set()
        self.lines: list[Decision] = []


@contextmanager
def together(lead: Lead) -> Iterator[None]:
    """Within it `add()` and `keep()` on this very instance only note what they were told; at its end all of it is
    stored in one round trip. A lead that is new must have been saved before the end."""
    lead.draft = Draft()
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


def add(lead: Lead, kind: str, title: str, details: Iterable[tuple[str, str]] = (), *, now: datetime) -> None:
    """Write one decision: what, in a few words, and the reasons as (name, value) lines."""
    decision = Decision(kind=kind, title=title[:200], details=as_details(details), created_at=now)
    if lead.draft is not None:
        lead.draft.lines.append(decision)
        return
    decision.lead = lead
    rows.store(decision)


def as_details(lines: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    """Lines as a decision keeps them."""
    return [{"name": name, "value": value} for name, value in lines]


def keep(lead: Lead, *fields: str) -> None:
    """Store these fields of the lead, now or with the rest of its step."""
    if lead.draft is not None:
        lead.draft.fields.update(fields)
    elif fields:
        lead.save(update_fields=fields)
