"""What explains a lead on the screens: its score with its parts, the decision, the record of all of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from routing.rows import TEMPERATURE_TITLES, Temperature


@dataclass(frozen=True)
class ScorePart:
    """One named part of the score. `key` chooses its colour: recency, intent, channel, ltv, or modifier."""

    key: str
    title: str
    points: int  # negative only for modifiers
    limit: int = 0  # the most this part can give; 0: a modifier
    reason: str = ""


@dataclass(frozen=True)
class BarSegment:
    """A rectangle of the score bar, in hundredths of its width."""

    key: str
    title: str
    x: int
    width: int


@dataclass(frozen=True)
class ScoreStep:
    """A score that the lead had from a moment on, and what moved it."""

    at: datetime
    total: int
    why: str


@dataclass(frozen=True)
class ScoreView:
    total: int  # 0-100, as it was decided (parts may add to more and are clamped)
    temperature: Temperature
    parts: tuple[ScorePart, ...]
    hot_from: int = 70
    warm_from: int = 40
    decided_at: datetime | None = None
    history: tuple[ScoreStep, ...] = ()  # oldest first; a lead that was scored once has one step

    @property
    def temperature_title(self) -> str:
        return TEMPERATURE_TITLES[self.temperature]

    @property
    def line(self) -> str:
        """The history as points of a polyline, 100 wide and 100 high; "" while there is but one score."""
        if len(self.history) < 2:
            return ""
        steps = len(self.history) - 1
        return " ".join(f"{100 * number / steps:.1f},{100 - step.total}" for number, step in enumerate(self.history))

    @property
    def hot_line(self) -> int:
        """Where the threshold of a hot lead stands on that line."""
        return 100 - self.hot_from

    @property
    def newest_first(self) -> tuple[ScoreStep, ...]:
        return self.history[::-1]

    @property
    def bar(self) -> tuple[BarSegment, ...]:
        """Positive parts side by side, cut at 100; a negative part is only told in words."""
        segments: list[BarSegment] = []
        x = 0
        for part in self.parts:
            width = min(part.points, 100 - x)
            if width > 0:
                segments.append(BarSegment(part.key, part.title, x, width))
                x += width
        return tuple(segments)


@dataclass(frozen=True)
class CandidateView:
    """Somebody the lead could have gone to, and why it did or did not."""

    name: str
    is_chosen: bool
    reason: str


@dataclass(frozen=True)
class DecisionView:
    """Why the lead is where it is. `rule_version` None: no rule fired, the responsibility matrix chose."""

    at: datetime
    rule_title: str
    rule_version: int | None
    action: str  # «Назначить Анне, ассистент отвечает дальше»
    reason: str
    candidates: tuple[CandidateView, ...] = ()


@dataclass(frozen=True)
class RecordDetail:
    """One reason under a line of the record. `mark`: a condition that holds or not, somebody chosen or left out."""

    name: str
    value: str
    mark: Literal["", "yes", "no"] = ""


@dataclass(frozen=True)
class RecordLine:
    """One decision, or a notice to staff, in words. `is_main`: shown while the reader asks for the main ones alone."""

    key: str  # of its fold: the page remembers what was opened
    icon: str
    title: str
    is_main: bool
    tone: Literal["", "late", "good"] = ""
    details: tuple[RecordDetail, ...] = ()
    score: ScoreView | None = None


@dataclass(frozen=True)
class RecordMoment:
    """What was decided at once. `time_title` is the branch's own time."""

    at: datetime
    time_title: str  # «12:03:41»
    lines: tuple[RecordLine, ...]

    @property
    def is_main(self) -> bool:
        return any(line.is_main for line in self.lines)


@dataclass(frozen=True)
class RecordDay:
    title: str  # «сегодня», «14 марта»
    moments: tuple[RecordMoment, ...]

    @property
    def is_main(self) -> bool:
        return any(moment.is_main for moment in self.moments)


@dataclass(frozen=True)
class RecordView:
    """The decision record of a lead, oldest first. `is_cut`: older lines exist, on the record's own page."""

    lead_id: int
    days: tuple[RecordDay, ...]
    zone_title: str
    is_cut: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.days
