"""When does the client want to come: Russian words for times, resolved towards the future.

A message becomes a line of symbols, a small grammar finds pieces in it, the wishes among them are chosen and joined
(`assistant/times/`), and each is resolved here against `now` and the opening hours. Pure: naive local time in and out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from assistant.text import Text, normalise
from assistant.times.grammar import Reader
from assistant.times.line import Line, line_of
from assistant.times.shapes import DAY, END_OF_DAY, Clock, Days, Hours, Piece, at, midnight
from assistant.times.wishes import Chooser
from assistant.understanding import DateTimeSlot, Interval

WEEK = timedelta(days=7)
MOST_PIECES = 40  # words of time that are looked at: nobody names so many, and choosing compares each with each


def find_times(
    text: Text | str,
    *,
    now: datetime,
    opening: time = time(9),
    closing: time = time(21),
    hidden: Sequence[tuple[int, int]] = (),
    zone: tzinfo | None = None,
) -> tuple[DateTimeSlot, ...]:
    """The times that a message wishes, in its order; past events, prices, ages, addresses and phones give nothing.

    `now` is naive local time of the branch, or aware and then taken to `zone`. With a zone "in two hours" counts real
    hours, and a time that a change of the clocks skips moves on by the hour skipped. `hidden` are stretches of
    `text.plain` that are known to be something else (a phone, a promo code)."""
    text = normalise(text) if isinstance(text, str) else text
    line = line_of(text, hidden)
    if not line.may_hold_time:
        return ()
    if now.tzinfo is not None:
        now = now.astimezone(zone).replace(tzinfo=None)
    now = now.replace(second=0, microsecond=0)
    hours = Hours(opening.hour * 60 + opening.minute, (closing.hour * 60 + closing.minute) or END_OF_DAY)
    pieces = Reader(line, now, hours, zone).pieces()[:MOST_PIECES]
    wishes, excluded = Chooser(line).choose(pieces)
    slots = _Resolver(line, now, hours).slots(wishes, excluded)
    return slots if zone is None else tuple(_existing(slot, zone) for slot in slots)


def _existing(slot: DateTimeSlot, zone: tzinfo) -> DateTimeSlot:
    """The slot with no start or end in an hour that the zone skips."""

    def shown(moment: datetime) -> datetime:
        return moment.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)

    def moved(one: Interval) -> Interval:
        return replace(one, start=shown(one.start), end=one.end and shown(one.end))

    return replace(
        slot,
        start=shown(slot.start),
        end=slot.end and shown(slot.end),
        windows=tuple(map(moved, slot.windows)),
        exclude=tuple(map(moved, slot.exclude)),
        alternatives=tuple(map(moved, slot.alternatives)),
    )


class _Resolver:
    """Turns the wishes of one message into times, at one moment."""

    def __init__(self, line: Line, now: datetime, hours: Hours):
        self.line, self.now, self.hours = line, now, hours
        self.today = now.date()

    def slots(self, wishes: list[Piece], excluded: list[Piece]) -> tuple[DateTimeSlot, ...]:
        if excluded and not wishes:  # "только не в понедельник": any other day of the coming week
            start = excluded[0].start
            wishes = [Piece(start, start, days=[Days(self.today, self.today + WEEK, "range")])]
        found: list[DateTimeSlot] = []
        for index, wish in enumerate(wishes):
            slot = self._resolved(wish, excluded if index == 0 else [])
            if slot and slot.text and slot not in found:
                found.append(slot)
        return tuple(found)

    def _resolved(self, wish: Piece, excluded: list[Piece]) -> DateTimeSlot | None:
        spans = [*wish.where(), *[span for piece in excluded for span in self._with_exclusion_words(piece)]]
        text = self._words_of(spans)
        if wish.moment is not None:
            moment = wish.moment
            reason = "как можно раньше" if moment.grain == "asap" else "отсчёт от сейчас"
            return DateTimeSlot(
                text, moment.start, moment.end, moment.grain, approx=moment.grain == "approx", reason=reason
            )
        windows = self._windows_of(wish, excluded)
        windows.sort(key=lambda window: window.start)
        if not windows:
            return None
        ruled_out = [window for piece in excluded for window in self._ruled_out_by(piece, windows)]
        if not any(_meet(window, out) for window in windows for out in ruled_out):
            ruled_out, excluded = [], []  # "в пятницу не могу, давайте в субботу": nothing is left to rule out
            text = self._words_of(wish.where())
        windows = [window for window in windows if not _ruled_out(window, ruled_out)] or windows
        hull = windows[0] if len(windows) == 1 else _hull(windows)
        return DateTimeSlot(
            text,
            hull.start,
            hull.end,
            hull.grain,
            windows=tuple(windows) if len(windows) > 1 else (),
            exclude=tuple(ruled_out),
            alternatives=self._alternatives(wish, hull),
            approx=hull.grain == "approx",
            reason=self._reason(wish, hull, is_limited=bool(ruled_out)),
        )

    def _reason(self, wish: Piece, chosen: Interval, *, is_limited: bool) -> str:
        """How the words were read, for the people who check it."""
        why = []
        if wish.weekday is not None and wish.weekday >= 0 and wish.days:
            why.append("ближайший такой день недели" if not wish.other_days else "день недели можно понять двояко")
        elif wish.days is None:
            why.append("день не назван: ближайшее такое время")
        elif wish.day_of_month is not None:
            why.append("ближайшее такое число")
        if any(clock.bare_hour for clock in wish.clocks or ()):
            why.append("час без «утра» и «вечера»: по часам работы")
        if chosen.start.date() > self.today and wish.days and wish.days[-1].last <= chosen.start.date():
            why.append("названное время прошло: перенесено вперёд")
        if len(wish.earlier) or (wish.days and len(wish.days) > 1):
            why.append("названо несколько вариантов")
        if is_limited:
            why.append("с исключением")
        return "; ".join(why) or "прочитано как написано"

    def _windows_of(self, wish: Piece, excluded: list[Piece]) -> list[Interval]:
        """All windows of a wish; a choice that leaves out its day or its clock has those of the choice before it."""
        windows: list[Interval] = []
        days, clocks = None, None
        for own_days, own_clocks in [*wish.earlier, (wish.days, wish.clocks)]:
            days, clocks = own_days or days, own_clocks or clocks
            windows += self._windows(days, clocks)
        if wish.days is None and not wish.earlier and any(piece.days and not piece.clocks for piece in excluded):
            week = [Days(self.today, self.today + WEEK, "range")]  # "с 10 до 14 кроме вторника": any other day
            windows = self._windows(week, wish.clocks)
        return windows

    def _ruled_out_by(self, piece: Piece, windows: list[Interval]) -> list[Interval]:
        if piece.days is None and piece.clocks:  # "только не утром": on each of the days
            first, last = windows[0].start.date(), max((window.end or window.start) for window in windows)
            count = max(1, min((last - midnight(first)).days, 7))
            return self._windows([Days(first, first + count * DAY, "range")], piece.clocks)
        return self._windows(self._every(piece, until=windows[-1]), piece.clocks)

    def _alternatives(self, wish: Piece, chosen: Interval) -> tuple[Interval, ...]:
        """Other readings that still lie ahead, at most four."""
        found = [window for other in wish.other_days for window in self._windows([other], wish.clocks)]
        for clock in wish.clocks or ():
            for reading in clock.others:
                found += self._windows(wish.days, [Clock(reading, reading, clock.grain)])
            is_moved = wish.days and clock.start == clock.end and chosen.start.date() >= wish.days[-1].last
            if is_moved and wish.days and chosen.start == chosen.end:  # "сегодня в 9" when nine is over: the other nine
                moved = at(wish.days[0].first, ((clock.start or 0) + END_OF_DAY // 2) % END_OF_DAY)
                found.append(Interval(moved, moved, clock.grain))
        ahead = [other for other in dict.fromkeys(found) if (other.end or other.start) >= self.now]
        return tuple(other for other in ahead if (other.start, other.end) != (chosen.start, chosen.end))[:4]

    def _every(self, piece: Piece, *, until: Interval) -> list[Days] | None:
        """A weekday that is ruled out is so each time, today too."""
        if piece.weekday is None or not piece.days:
            return piece.days
        first = self.today + timedelta(days=(piece.weekday - self.today.weekday()) % 7)
        last = max((until.end or until.start).date(), first + DAY)
        return [Days(first + offset * DAY, first + (offset + 1) * DAY) for offset in range(0, (last - first).days, 7)]

    def _windows(self, days: list[Days] | None, clocks: list[Clock] | None) -> list[Interval]:
        if clocks is None:
            return sorted(
                (Interval(midnight(d.first), midnight(d.last), d.grain) for d in days or ()), key=lambda i: i.start
            )
        if days is None:
            soonest = [self._soonest(clock) for clock in clocks]
            return [one for one in soonest if one.start.date() == self.today] or soonest
        found = []
        for span in days:
            for offset in range(min((span.last - span.first).days, 45)):
                for clock in clocks:
                    window = self._on_day(span.first + offset * DAY, clock)
                    if window is not None:
                        found.append(window)
        return sorted(dict.fromkeys(found), key=lambda window: window.start)

    def _on_day(self, day: date, clock: Clock) -> Interval | None:
        """The clock on that day, cut to the future; None when it is over (a point moves to its later reading)."""
        start = at(day, self.hours.opening if clock.start is None else clock.start)
        end = at(day, self.hours.closing if clock.end is None else clock.end)
        if clock.start == clock.end:
            if start < self.now and day == self.today:
                later = [r for r in (*clock.others, (clock.start or 0) + 720) if at(day, r) >= self.now]
                if clock.bare_hour and later and later[0] <= self.hours.closing:
                    start = at(day, later[0])
                else:
                    start = at(day + DAY, clock.start or 0)
            return Interval(start, start, clock.grain)
        if end <= self.now:
            return None if day > self.today or clock.grain != "part" else self._on_day(day + DAY, clock)
        return Interval(max(start, self.now), end, clock.grain)

    def _soonest(self, clock: Clock) -> Interval:
        """A clock with no day: today when it is still ahead, else tomorrow."""
        start = at(self.today, self.hours.opening if clock.start is None else clock.start)
        end = at(self.today, self.hours.closing if clock.end is None else clock.end)
        if start == end:
            if start >= self.now:
                return Interval(start, start, clock.grain)
            return Interval(start + DAY, start + DAY, clock.grain)
        if end <= self.now:
            return Interval(start + DAY, end + DAY, clock.grain)
        return Interval(max(start, self.now), end, clock.grain)

    def _at(self, day: date, minute: int) -> datetime:
        return midnight(day) + timedelta(minutes=minute)

    def _with_exclusion_words(self, piece: Piece) -> list[tuple[int, int]]:
        """The span of an exclusion with its word: "кроме вторника"."""
        before = self.line.symbols[: piece.start]
        found = re.search(r"(?:кроме|только не|но не|не|исключая|за исключением)(?: (?:THIS|в|во|на))*\s*$", before)
        if found:
            return [(found.start(), piece.end)]
        after = self.line.symbols[piece.end :]
        tail = re.match(r"\s*(?:я |мы )?(?:не (?:могу|смогу|получ\w*|подход\w*|удобно)|занят\w*)", after)
        return [(piece.start, piece.end + tail.end())] if tail else [(piece.start, piece.end)]

    def _words_of(self, spans: list[tuple[int, int]]) -> str:
        symbols = self.line.symbols
        joined: list[tuple[int, int]] = []
        for start, end in sorted(span for span in spans if span[1] > span[0]):
            if joined and re.fullmatch(r"(?:[\s,/]|и|или|либо|в|во|на)*", symbols[joined[-1][1] : start]):
                joined[-1] = (joined[-1][0], end)
            else:
                joined.append((start, end))
        texts = []
        for start, end in joined:
            found = re.match(
                r"(?:на |к )(?=R\d|\d{1,2}#|D\d|\d{1,2}[#@]? (?:M\d|числ)|(?:(?:THIS|NEXT|NEAR|THAT) )?W\d)",
                symbols[start:end],
            )
            shift = found.end() if found else 0
            texts.append(self.line.own_words(start + shift, end))
        return " ".join(texts)


def _hull(windows: list[Interval]) -> Interval:
    """From the first window's start to the last end; `windows` are sorted."""
    return Interval(windows[0].start, max(window.end or window.start for window in windows), "range")


def _meet(window: Interval, out: Interval) -> bool:
    return out.start < (window.end or out.start + DAY) and window.start < (out.end or window.start + DAY)


def _ruled_out(window: Interval, excluded: list[Interval]) -> bool:
    return any(
        out.end is not None and out.start <= window.start and (window.end or window.start) <= out.end
        for out in excluded
    )
