"""What a person reads in a message with one notice or several. Pure: the same for every channel, and for its edits."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from channels_app.models import Notice
from tenants.templatetags.ru import plural

MOST_LINES = 10
MOST_BUTTONS = 5  # rows
ABOUT_LEADS = frozenset({"hot_lead", "urgent", "handover"})
TAKEN_BY = ABOUT_LEADS | {"breach"}  # «Взять» makes sense
BUTTON = "staff"  # data of a button: staff|take|12
_PHONE = re.compile(r"(?<!\d)\+?\d(?:[\s()–-]*\d){9,14}(?!\d)")


@dataclass(frozen=True)
class Line:
    """One notice. `outcome`: what came of it, "" when it waits for an answer."""

    notice_id: int
    lead_id: int | None
    text: str
    outcome: str = ""
    may_take: bool = False
    may_decline: bool = False


@dataclass(frozen=True)
class Words:
    """A message: what it says, line by line, and where to read on."""

    title: str
    lines: tuple[Line, ...]
    link: str
    is_urgent: bool
    topic: str  # messages of one topic replace each other where a channel can do that; 32 url-safe characters

    @property
    def short(self) -> str:
        """Without the link, for an SMS or the body of a push."""
        return self.title if len(self.lines) == 1 else f"{self.title}: " + "; ".join(line.text for line in self.lines)

    @property
    def full(self) -> str:
        """With outcomes and the link."""
        if len(self.lines) == 1:
            said = [self.title, *([f"\n{self.lines[0].outcome}"] if self.lines[0].outcome else [])]
            return "\n".join([*said, self.link])
        shown = [_numbered(number, line) for number, line in enumerate(self.lines[:MOST_LINES], start=1)]
        if len(self.lines) > MOST_LINES:
            shown.append(f"и ещё {len(self.lines) - MOST_LINES}")
        return "\n".join([f"{self.title}:", *shown, "", self.link])

    @property
    def buttons(self) -> list[list[tuple[str, str]]]:
        """Rows of (title, data) for the notices that wait for an answer."""
        rows = []
        for number, line in enumerate(self.lines[:MOST_LINES], start=1):
            mark = f" {number}" if len(self.lines) > 1 else ""
            row = [(f"Взять{mark}", f"{BUTTON}|take|{line.notice_id}")] if line.may_take else []
            row += [(f"Не могу{mark}", f"{BUTTON}|decline|{line.notice_id}")] if line.may_decline else []
            if row:
                rows.append(row)
        return rows[:MOST_BUTTONS]


def _numbered(number: int, line: Line) -> str:
    return f"{number}. {line.text}" + (f" — {line.outcome}" if line.outcome else "")


def compose(notices: Sequence[Notice], *, root: str, was_off: bool = False) -> Words:
    """The message of these notices, oldest first. `root`: address of the business, ends with a slash; `was_off`: they
    waited for the person's shift. Of several about one lead the latest speaks."""
    latest = {notice.lead_id or -notice.pk: notice for notice in notices}
    shown = sorted(latest.values(), key=lambda notice: notice.pk)
    lines = tuple(_line(notice) for notice in shown)
    leads = {line.lead_id for line in lines}
    only = shown[0] if len(shown) == 1 else None
    return Words(
        title=lines[0].text if only else _title(shown, was_off=was_off),
        lines=lines,
        link=f"{root}inbox/{only.lead_id}/" if only and only.lead_id else f"{root}inbox/",
        is_urgent=any(notice.is_urgent for notice in shown),
        topic=f"lead-{leads.pop()}" if only and only.lead_id else f"notices-{shown[0].pk}",
    )


def _line(notice: Notice) -> Line:
    is_open = bool(notice.lead_id) and not notice.outcome
    return Line(
        notice.pk,
        notice.lead_id,
        _PHONE.sub("…", notice.text),
        notice.outcome,
        may_take=is_open and notice.kind in TAKEN_BY,
        may_decline=is_open and notice.kind in ABOUT_LEADS,
    )


def _title(notices: Sequence[Notice], *, was_off: bool) -> str:
    number = len(notices)
    if all(notice.kind in ABOUT_LEADS for notice in notices):
        what = f"{number} {plural(number, 'новая заявка,новые заявки,новых заявок')}"
    else:
        what = f"{number} {plural(number, 'уведомление,уведомления,уведомлений')}"
    return f"Пока вас не было: {what}" if was_off else what
