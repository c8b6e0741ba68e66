"""Phrases of days to pieces: dates, weekdays, weeks, months, seasons, holidays, spans from now, "at once"."""

from __future__ import annotations

import calendar
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from assistant.times.line import context, sentence_around
from assistant.times.reading import Reading
from assistant.times.shapes import (
    DAY,
    Clock,
    Days,
    Piece,
    add_months,
    first_of,
    full_year,
    midnight,
    monday_of,
)
from assistant.understanding import Grain, Interval

HORIZON_DAYS = 7  # how far "from Monday on" or "in the evenings" reaches
JUST_OVER_DAYS = 90  # a named date that passed so lately was more likely meant for another month


def _size(amount: str | None) -> float:
    """How many units: "2", "1 , 5", a half, one and a half; one when nothing is said."""
    if not amount:
        return 1.0
    named = {"HALF": 0.5, "ONEHALF": 1.5, "QUARTER": 0.25}.get(amount)
    return named or float(re.sub(r"\D+", ".", amount.removeprefix("D")))


class DayReader(Reading):
    """Each method builds the piece of the rule that names it; None where the words mean something else."""

    def past(self, found: re.Match[str]) -> Piece:
        return Piece(*found.span(), is_past=True)

    def in_some(self, found: re.Match[str]) -> Piece | None:
        groups = found.groupdict()
        amount, unit = groups.get("n"), groups["unit"]
        size = _size(amount) + (0.5 if groups.get("half") else 0)
        until = max(_size(groups["m"]), size) if groups.get("m") else size
        is_turned = not amount and until > size and unit in ("HOUR", "MIN", "дня", "дней") and "-" not in found.group()
        if is_turned:  # "через часа два"
            size = until
        if unit == "HALFHOUR":
            size = until = 0.5
        if unit == "HALFYEAR":
            unit, size, until = "MONTH", 6.0, 6.0
        if unit in ("HOUR", "HOUR1", "HRA", "HALFHOUR", "часок", "часочек", "MIN"):
            step = timedelta(minutes=1) if unit == "MIN" else timedelta(hours=1)
            start = self._later(step * size)
            if until > size:
                return Piece(*found.span(), moment=Interval(start, self._later(step * until), "range"))
            approx = is_turned or (
                unit in ("HRA", "часок", "часочек")
                or "~" in found.group()
                or found.group().split()[0] in ("HOUR", "MIN")
            )
            return Piece(*found.span(), moment=Interval(start, start, "approx" if approx else "minute"))
        first, last = self._shifted(unit, size), self._shifted(unit, until)
        if first is None or last is None:
            return None
        is_every_other = unit == "день" and not amount
        others = [Days(first + DAY, first + 2 * DAY)] if is_every_other else []
        grain: Grain = "day" if last == first else "range"
        return Piece(*found.span(), days=[Days(first, last + DAY, grain)], other_days=others, may_repeat=is_every_other)

    def _later(self, span: timedelta) -> datetime:
        """Local time after a span of real time."""
        if self.zone is None:
            return self.now + span
        moment = self.now.replace(tzinfo=self.zone).astimezone(UTC) + span
        return moment.astimezone(self.zone).replace(tzinfo=None)

    def _shifted(self, unit: str, size: float) -> date | None:
        count = int(size)
        try:
            if unit == "WEEK":
                return self.today + timedelta(days=int(7 * size))
            if unit == "MONTH":
                return add_months(self.today, count) + timedelta(days=15 if size % 1 else 0)
            if unit == "YEAR":
                return add_months(self.today, 12 * count) if size >= 1 else add_months(self.today, 6)
            return self.today + timedelta(days=count)
        except (ValueError, OverflowError):
            return None

    def nth_of_month(self, found: re.Match[str]) -> Piece | None:
        """ "первая суббота декабря", "на последней неделе месяца"."""
        nth, what = found.group("nth"), found.group("what")
        month = self._named_month(found.group("unit"), found.group("which"))
        after = first_of(add_months(month, 1))
        order = {"пе": 0, "1@": 0, "вт": 1, "2@": 1, "тр": 2, "3@": 2, "че": 3, "4@": 3, "по": -1}[nth[:2]]
        if what == "WEEK":
            weeks = [month + timedelta(days=7 * index) for index in range(4)]
            first = after - timedelta(days=7) if order < 0 else weeks[order]
            last = after if order < 0 else first + timedelta(days=7)
            return self._clipped(found, first, last) if last > self.today else None
        weekday, size = (5, 2) if what == "WEEKEND" else (int(what[1]), 1)
        days = [month + offset * DAY for offset in range((after - month).days)]
        hits = [day for day in days if day.weekday() == weekday]
        day = hits[order] if order < len(hits) else None
        if day is None or day < self.today:
            return None
        if size == 1:
            return Piece(*found.span(), days=[Days(day, day + DAY)])
        return self._clipped(found, day, day + timedelta(days=size))

    def tens_of_month(self, found: re.Match[str]) -> Piece | None:
        """ "в двадцатых числах декабря": 20 to 29."""
        start = 20 if found.group("tens").startswith(("дв", "20")) else 10
        month = self._named_month(found.group("unit") or "MONTH", found.group("which"))
        if month.replace(day=min(start + 9, 28)) < self.today:
            month = first_of(add_months(month, 1))
        size = calendar.monthrange(month.year, month.month)[1]
        return self._clipped(found, month.replace(day=start), month.replace(day=min(start + 9, size)) + DAY)

    def half_of(self, found: re.Match[str]) -> Piece | None:
        """The first or the second half of a week or a month."""
        is_first, unit = found.group("half").startswith(("пе", "1")), found.group("unit")
        if unit == "WEEK":
            monday = monday_of(self.today) + timedelta(days=7 if (found.group("which") or "").strip() == "NEXT" else 0)
            first, last = (0, 3) if is_first else (3, 7)
            if monday + timedelta(days=last) <= self.today:
                monday += timedelta(days=7)
            return self._clipped(found, monday + timedelta(days=first), monday + timedelta(days=last))
        month = self._named_month(unit, found.group("which"))
        if is_first and month.replace(day=15) < self.today:
            month = first_of(add_months(month, 1 if unit == "MONTH" else 12))
        if is_first:
            return self._clipped(found, month, month.replace(day=16))
        return self._clipped(found, month.replace(day=16), first_of(add_months(month, 1)))

    def season(self, found: re.Match[str]) -> Piece:
        """A season of three months, the running or the next one; its beginning, middle or end is one of them."""
        groups = found.groupdict()
        word = groups["season"] or groups["season2"]
        number = {"ве": 3, "ле": 6, "ос": 9, "зи": 12}[word[:2]]
        year = self.today.year - (number == 12 and self.today.month < 3)
        first = date(year, number, 1)
        if first_of(add_months(first, 3)) <= self.today:
            first = date(year + 1, number, 1)
        if part := (groups["part"] or "").strip():
            first = add_months(first, {"BEGIN": 0, "MIDDLE": 1, "FINISH": 2}[part])
            last = add_months(first, 1)
            return self._clipped(found, *((first, last) if last > self.today else (self.today, self.today + 30 * DAY)))
        return self._clipped(found, first, add_months(first, 3))

    def _named_month(self, unit: str, which: str | None) -> date:
        """The first day of "декабря", "месяца", "следующего месяца"."""
        if unit != "MONTH":
            return first_of(self._month(int(unit[1:])).first)
        return first_of(add_months(self.today, 1 if (which or "").strip() == "NEXT" else 0))

    def weekday_in_weeks(self, found: re.Match[str]) -> Piece:
        weekday, weeks = int(found.group("wd")[1]), int(found.group("n") or 1)
        day = monday_of(self.today) + timedelta(days=7 * weeks + weekday)
        return Piece(*found.span(), days=[Days(day, day + DAY)], weekday=weekday)

    def within(self, found: re.Match[str]) -> Piece | None:
        groups = found.groupdict()
        amount = groups["n"] or groups["n2"] or groups["n3"]
        unit = groups["unit"] or groups["unit2"] or groups["unit3"]
        size = {"HALF": 0.5, "пол": 0.5, "ONEHALF": 1.5}.get(amount or "1") or float(amount or 1)
        if unit == "HALFHOUR":
            unit, size = "HOUR", 0.5
        if unit in ("HOUR", "HOUR1", "HRA", "MIN", "часок"):
            step = timedelta(minutes=1) if unit == "MIN" else timedelta(hours=1)
            return Piece(*found.span(), moment=Interval(self.now, self._later(step * size), "range"))
        if unit in ("день", "дня") and size == 1:
            return Piece(*found.span(), clocks=[Clock(None, self.hours.closing, "range")])
        last = self._shifted(unit, size)
        return Piece(*found.span(), moment=Interval(self.now, midnight(last), "range")) if last else None

    def until_end(self, found: re.Match[str]) -> Piece:
        unit, is_next = found.group("unit"), bool(found.group("next"))
        if unit in ("дня", "рабочего дня", "EVEN"):
            return Piece(*found.span(), clocks=[Clock(None, self.hours.closing, "range")], days=None)
        if unit == "WEEK":
            last = monday_of(self.today) + timedelta(days=14 if is_next else 7)
        elif unit == "MONTH":
            last = first_of(add_months(self.today, 2 if is_next else 1))
        elif unit == "YEAR":
            last = date(self.today.year + 1, 1, 1)
        else:
            last = first_of(add_months(self._month(int(unit[1:])).first, 1))
        return Piece(*found.span(), moment=Interval(self.now, midnight(last), "range"))

    def part_of(self, found: re.Match[str]) -> Piece:
        part, which, unit = found.group("part"), (found.group("which") or "").strip(), found.group("unit")
        if unit == "WEEK":
            monday = monday_of(self.today) + timedelta(days=7 if which in ("NEXT", "THAT") else 0)
            first, last = {"BEGIN": (0, 2), "MIDDLE": (2, 4), "FINISH": (3, 5)}[part]
            if monday + timedelta(days=last) <= self.today:
                monday += timedelta(days=7)
            return self._clipped(found, monday + timedelta(days=first), monday + timedelta(days=last))
        if unit == "MONTH":
            month = first_of(add_months(self.today, 1)) if which == "NEXT" else first_of(self.today)
        else:
            month = self._month(int(unit[1:])).first
        first_day, last_day = {"BEGIN": (1, 10), "MIDDLE": (11, 20), "FINISH": (21, 31)}[part]
        month = first_of(month)

        def edges(of: date) -> tuple[date, date]:
            size = calendar.monthrange(of.year, of.month)[1]
            return of.replace(day=first_day), of.replace(day=min(last_day, size)) + DAY

        start, end = edges(month)
        if end <= self.today:
            start, end = edges(add_months(month, 1 if unit == "MONTH" else 12))
        return self._clipped(found, start, end)

    def _clipped(self, found: re.Match[str], first: date, last: date, grain: Grain = "range") -> Piece:
        return Piece(*found.span(), days=[Days(max(first, self.today), last, grain)])

    def two_weeks(self, found: re.Match[str]) -> Piece:
        """ "на этой или на следующей неделе"."""
        return self._clipped(found, self.today, monday_of(self.today) + timedelta(days=14))

    def week_or_month(self, found: re.Match[str]) -> Piece | None:
        groups = found.groupdict()
        which, unit = groups.get("which") or groups.get("which2"), groups.get("unit") or groups.get("unit2")
        if unit == "MONTH":
            if which == "THIS":
                return self._clipped(found, first_of(self.today), first_of(add_months(self.today, 1)), "month")
            first = first_of(add_months(self.today, 1))
            return Piece(*found.span(), days=[Days(first, first_of(add_months(first, 1)), "month")])
        monday = monday_of(self.today)
        if which == "THROUGH":
            return None
        if which is None:  # "на неделе": what is left of this week, or the next one
            if not self.line.own_words(*found.span()).lower().endswith(("неделе", "недельке")):
                return None
            following = Days(monday + timedelta(days=7), monday + timedelta(days=14), "week")
            return replace(self._clipped(found, monday, monday + timedelta(days=7), "week"), other_days=[following])
        if which in ("THIS", "NEAR"):
            if which == "NEAR" and self.today.weekday() >= 5:
                monday += timedelta(days=7)
            return self._clipped(found, monday, monday + timedelta(days=7), "week")
        week = Days(monday + timedelta(days=7), monday + timedelta(days=14), "week")
        others = [] if which == "NEXT" else [Days(self.today, monday + timedelta(days=7), "week")]
        return Piece(*found.span(), days=[week], other_days=others)

    def in_month(self, found: re.Match[str]) -> Piece | None:
        month = self._month(int(found.group("month")[1:]))
        if found.groupdict().get("from") == "с" and (month.first - self.today).days > 100:
            return None  # "хожу к вам с мая"
        return Piece(*found.span(), days=[month])

    def after_in_month(self, found: re.Match[str]) -> Piece | None:
        """ "в феврале после 10": a day of that month."""
        day = self._dated(int(found.group("day")), int(found.group("month")[1:]), None)
        if day is None:
            return None
        month = self._month(int(found.group("month")[1:]))
        if found.group("rel") == "UNTIL":
            return self._clipped(found, month.first, day) if day > month.first else None
        return self._clipped(found, day + DAY if found.group("rel") == "AFTER" else day, month.last)

    def edge_of_month(self, found: re.Match[str]) -> Piece:
        """The first or the last five days of a month."""
        unit = found.group("unit")
        month = first_of(self.today) if unit == "MONTH" else first_of(self._month(int(unit[1:])).first)
        if unit == "MONTH" and (found.group("which") or found.group("edge") == "первых"):
            month = first_of(add_months(month, 1))
        size = calendar.monthrange(month.year, month.month)[1]
        first, last = (1, 5) if found.group("edge") == "первых" else (size - 4, size)
        return self._clipped(found, month.replace(day=first), month.replace(day=last) + DAY)

    def _month(self, number: int) -> Days:
        """The running or the next month of that number."""
        year = self.today.year + (number < self.today.month)
        first = date(year, number, 1)
        return Days(max(first, self.today), first_of(add_months(first, 1)), "month")

    def dates_of_month(self, found: re.Match[str]) -> Piece | None:
        groups = found.groupdict()
        start, end = int(groups["a"]), int(groups["b"])
        month = groups.get("m2") or (groups.get("month") or "")[1:]
        year = full_year(groups.get("year"))
        last = self._dated(end, int(month), year) if month.isdigit() else self._numbered(end)
        first = self._dated(start, int(month), year) if month.isdigit() else self._numbered(start)
        if first is None or last is None:
            return None
        if groups["how"] in ("и", "или", "либо", ",", "/"):
            return Piece(*found.span(), days=[Days(first, first + DAY), Days(last, last + DAY)])
        if last < first:
            if month.isdigit():
                last = self._dated(end, int(month), first.year) or last
                first = self.today if first > last else first
            else:
                first = self.today
            if last < first:
                return None
        return Piece(*found.span(), days=[Days(first, last + DAY, "range")])

    def dates_listed(self, found: re.Match[str]) -> Piece | None:
        """ "25, 26 или 27 числа"; the last may be the end of a stretch."""
        month = (found.groupdict().get("month") or "")[1:]
        numbers = [int(number) for number in re.findall(r"\d+", found.group("list"))]
        if " на " in found.group("list") and self.line.symbols[: found.start()].endswith((" с ", "с ")):
            return None  # "с 25 на 27 ноября"
        has_marks = re.search(r"[#@,/]|и", found.group("list")) is not None
        if not has_marks and self.line.symbols[: found.start()].endswith(("в ", "к ")):
            return None  # "в 10 30 ноября" is a clock and a date
        days = [self._dated(n, int(month), None) if month.isdigit() else self._numbered(n) for n in numbers]
        known = [day for day in days if day is not None]
        if len(known) != len(numbers):
            return None
        return Piece(*found.span(), days=[Days(day, day + DAY) for day in known])

    def day_month(self, found: re.Match[str]) -> Piece | None:
        groups = found.groupdict()
        day, month = int(groups["day"]), int(groups.get("mm") or groups["month"][1:])
        year = full_year(groups.get("year"))
        when = self._dated(day, month, year)
        if when is None:
            return None
        if year and when < self.today:
            return Piece(*found.span(), is_past=True)
        others = []
        is_over = 0 < (self.today - add_months(when, -12)).days <= JUST_OVER_DAYS
        if not year and is_over and (sooner := self._numbered(day)):
            others.append(Days(sooner, sooner + DAY))
        return replace(self._with_relation(found, when, others), day_of_month=day)

    def ordinal(self, found: re.Match[str]) -> Piece | None:
        day = next(int(value) for key, value in found.groupdict().items() if key.startswith("day") and value)
        when = self._numbered(day)
        return replace(self._with_relation(found, when, []), day_of_month=day) if when else None

    def _dated(self, day: int, month: int, year: int | None) -> date | None:
        """The next such date (29 February: the next leap year)."""
        if not 1 <= month <= 12:
            return None
        years = [year] if year else range(self.today.year, self.today.year + 9)
        for candidate in years:
            if 1 <= day <= calendar.monthrange(candidate, month)[1]:
                when = date(candidate, month, day)
                if year or when >= self.today:
                    return when
        return None

    def _numbered(self, day: int) -> date | None:
        """The next day of that number in a month that has it."""
        if not 1 <= day <= 31:
            return None
        month = first_of(self.today)
        for _ in range(4):
            if day <= calendar.monthrange(month.year, month.month)[1] and month.replace(day=day) >= self.today:
                return month.replace(day=day)
            month = first_of(add_months(month, 1))
        return None

    def _with_relation(self, found: re.Match[str], when: date, others: list[Days]) -> Piece:
        """A day, or what "до", "после", "с" make of it."""
        relation = found.groupdict().get("rel")
        stretch = {
            "UNTIL": (self.today, when + DAY if re.match(" включительно", found.string[found.end() :]) else when),
            "перед": (max(self.today, when - timedelta(days=7)), when),
            "не AFTER": (self.today, when + DAY),
            "по": (self.today, when + DAY),
            "AFTER": (when + DAY, when + timedelta(days=1 + HORIZON_DAYS)),
            "не UNTIL": (when, when + timedelta(days=HORIZON_DAYS)),
            "начиная с": (when, when + timedelta(days=HORIZON_DAYS)),
            "с": (when, when + timedelta(days=HORIZON_DAYS)),
            "со": (when, when + timedelta(days=HORIZON_DAYS)),
        }.get(relation or "")
        if stretch and stretch[0] < stretch[1]:
            is_from = relation in ("с", "со", "начиная с")
            return Piece(*found.span(), days=[Days(*stretch, "range")], from_day=is_from)
        return Piece(*found.span(), days=[Days(when, when + DAY)], other_days=others)

    def on_weekday(self, found: re.Match[str]) -> Piece:
        groups = found.groupdict()
        weekday, which = int(groups["wd"] or groups["wd2"]), (groups.get("which") or "").strip()
        if which == "LAST":
            return Piece(*found.span(), is_past=True)
        nearest = self.today + timedelta(days=(weekday - self.today.weekday()) % 7)
        strictly_next = nearest if nearest > self.today else nearest + timedelta(days=7)
        others: list[Days] = []
        when = strictly_next
        if which in ("THIS", "NEAR"):
            when = nearest
        elif which in ("NEXT", "THAT"):
            when = monday_of(self.today) + timedelta(days=7 + weekday)
            if strictly_next != when:
                others = [Days(strictly_next, strictly_next + DAY)]
            else:
                others = [Days(when + timedelta(days=7), when + timedelta(days=8))]
        elif nearest == self.today and "WS" not in found.group():
            others = [Days(nearest, nearest + DAY)]
        if groups.get("rel") == "по":  # "по вт и чт", or the end of a range that `wishes` joins
            return Piece(*found.span(), days=[Days(when, when + DAY)], weekday=weekday)
        return replace(self._with_relation(found, when, others), weekday=weekday)

    def weekday_but_one(self, found: re.Match[str]) -> Piece:
        """ "через субботу": the one after the next; some mean the next."""
        weekday = int(found.group("wd"))
        nearest = self.today + timedelta(days=(weekday - self.today.weekday() - 1) % 7 + 1)
        second = nearest + timedelta(days=7)
        others = [Days(nearest, nearest + DAY)]
        return Piece(*found.span(), days=[Days(second, second + DAY)], other_days=others, weekday=weekday)

    def weekend(self, found: re.Match[str]) -> Piece:
        which, what = (found.group("which") or "").strip(), found.group("what")
        if which == "LAST":
            return Piece(*found.span(), is_past=True)
        monday = monday_of(self.today)
        offset, size = (5, 2) if what == "WEEKEND" else (0, 5)
        first = monday + timedelta(days=offset)
        last = first + timedelta(days=size)
        if which in ("NEXT", "THAT"):
            first, last = first + timedelta(days=7), last + timedelta(days=7)
            others = [
                Days(max(monday + timedelta(days=offset), self.today), monday + timedelta(days=offset + size), "range")
            ]
            others = [other for other in others if other.last > other.first]
            return Piece(*found.span(), days=[Days(first, last, "range")], other_days=others)
        if last <= self.today:
            first, last = first + timedelta(days=7), last + timedelta(days=7)
        if found.group("skip"):  # "через выходные": not the coming ones, or after them
            after = Days(last, last + timedelta(days=5), "range")
            later = [Days(first + timedelta(days=7), last + timedelta(days=7), "range")]
            return Piece(*found.span(), days=later, other_days=[after])
        return self._clipped(found, first, last)

    def any_day(self, found: re.Match[str]) -> Piece:
        return Piece(
            *found.span(), days=[Days(self.today, self.today + timedelta(days=HORIZON_DAYS), "range")], is_any=True
        )

    def relative_day(self, found: re.Match[str]) -> Piece:
        when = self.today + timedelta(days=int(found.group("n")))
        return self._with_relation(found, when, [])

    def holiday(self, found: re.Match[str]) -> Piece | None:
        relation, year = found.group("rel"), self.today.year
        new_year = bool(found.group("ny")) or "новогод" in found.group() or "рождеств" in found.group()
        blocks = [
            (date(y, *a), date(z, *b))
            for y in (year - 1, year, year + 1)
            for a, z, b in (
                ((12, 31), y + 1, (1, 9)), ((2, 23), y, (2, 24)), ((3, 8), y, (3, 9)), ((5, 1), y, (5, 2)),
                ((5, 9), y, (5, 10)), ((6, 12), y, (6, 13)), ((11, 4), y, (11, 5)),
            )
        ]  # fmt: skip
        if new_year:
            blocks = [block for block in blocks if block[0].month == 12]
        elif "майск" in found.group():
            blocks = [
                (first.replace(day=1), first.replace(day=12))
                for first, _ in blocks
                if first.month == 5 and first.day == 1
            ]
        first, last = min(block for block in blocks if block[1] > self.today)
        if relation == "AFTER":
            nxt = [block for block in sorted(blocks) if block[0] > first]
            monday = last + timedelta(days=(7 - last.weekday()) % 7 or 7)
            others = [Days(monday, monday + timedelta(days=7), "range")]
            others += [Days(b[1], b[1] + timedelta(days=7), "range") for b in nxt[:1]]
            return Piece(*found.span(), days=[Days(last, last + timedelta(days=7), "range")], other_days=others)
        if relation == "в" and not new_year:
            return self._clipped(found, first, last)
        start = max(self.today, first - timedelta(days=7))
        if relation == "к":  # "к празднику хочу успеть": why, when another time is said
            days = [Days(start, max(first, start + DAY), "range")]
            return Piece(*found.span(), days=days, may_repeat=True)
        if relation in ("на", "в"):
            return self._clipped(found, max(first, self.today), last)
        return Piece(*found.span(), days=[Days(start, max(first, start + DAY), "range")])

    def coming_days(self, found: re.Match[str]) -> Piece:
        count = int(found.groupdict().get("n") or 3)
        return Piece(*found.span(), days=[Days(self.today, self.today + timedelta(days=count), "range")])

    def asap(self, found: re.Match[str]) -> Piece:
        return Piece(*found.span(), moment=Interval(self.now, None, "asap"))

    def at_once(self, found: re.Match[str]) -> Piece | None:
        """ "сейчас" of one who would come at once; none in "я сейчас в отпуске"."""
        sentence = sentence_around(found.string, *found.span())
        state = re.search(r"(?<!\S)(?:я|мы|у меня|у нас|пока|не)\s$", found.string[: found.start()])
        if state and not re.search(r"(?<!\S)(?:могу|подъеду|подойду|приеду)", sentence):
            return None
        if not context("coming_now").search(sentence) and len(found.string.split()) > 3:
            return None
        return self.asap(found)
