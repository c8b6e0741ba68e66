"""Phrases of the time of day to pieces: clocks, lists and stretches of them, "after six", "till closing"."""

from __future__ import annotations

import re
from dataclasses import replace

from assistant.text import grammar, is_counted
from assistant.times.reading import Reading
from assistant.times.shapes import (
    END_OF_DAY,
    Clock,
    Piece,
)


class ClockReader(Reading):
    """Each method builds the piece of the rule that names it; None where the words mean something else."""

    def clock_list(self, found: re.Match[str]) -> Piece | None:
        """ "в 11, 12 или 15", "на 5 или на 6 вечера": each a point of its own."""
        words = re.split(r" ?(?:,|или|либо)(?: (?:или|либо))? (?:во? |на |к )?", found.group("list"))
        part = next((w for w in ("утра", "дня", "вечера") if words[-1].endswith(w)), None)
        named = [word if not part or re.search("утра|дня|вечера|ночи|T", word) else f"{word} {part}" for word in words]
        clocks = [self._clock(word) for word in named]
        if len(clocks) < 2 or None in clocks:
            return None
        points = [replace(clock, grain="approx" if found.group("approx") else clock.grain) for clock in clocks if clock]
        return Piece(*found.span(), clocks=points)

    def neighbours(self, found: re.Match[str]) -> Piece | None:
        """ "часа в три четыре", as it is said: between the two."""
        if int(found.group("b")) != int(found.group("a")) + 1:
            return None
        return self._range(found, how="-")

    def at_opening(self, found: re.Match[str]) -> Piece:
        return Piece(*found.span(), clocks=[Clock(self.hours.opening, self.hours.opening, "minute")])

    def at_closing(self, found: re.Match[str]) -> Piece:
        """The last hour of the day."""
        return Piece(*found.span(), clocks=[Clock(self.hours.closing - 60, self.hours.closing, "part")])

    def hour_begun(self, found: re.Match[str]) -> Piece | None:
        """ "в начале шестого", "в седьмом часу": the hour that has begun."""
        number = int(found.group("a") or found.group("b") or found.group("c"))
        if not 1 <= number <= 12:
            return None
        start = self._bare(number - 1 or 12, 0).start or 0
        if found.group("begin"):
            return Piece(*found.span(), clocks=[Clock(start, start, "approx")])
        return Piece(*found.span(), clocks=[Clock(start, start + 60, "range")])

    def part_until(self, found: re.Match[str]) -> Piece | None:
        """ "с утра до 14", "с обеда до шести"."""
        clock = self._clock(found.group("a"))
        start = self.hours.opening if found.group("from") == "утра" else 13 * 60
        if clock is None or clock.start is None or clock.start <= start:
            return None
        return Piece(*found.span(), clocks=[Clock(start, clock.start, "range")])

    def clock_range(self, found: re.Match[str]) -> Piece | None:
        return self._range(found, how=found.group("how"))

    def _range(self, found: re.Match[str], *, how: str) -> Piece | None:
        first, last = found.group("a"), found.group("b")
        part = next((w for w in ("утра", "дня", "вечера", "ночи") if last.endswith(w)), None)
        end = self._clock(last)
        start = (
            self._clock(f"{first} {part}")
            if part and not re.search("утра|дня|вечера|ночи|T", first)
            else self._clock(first)
        )
        if start is None or end is None:
            return None
        if how in ("или", "либо"):
            return Piece(*found.span(), clocks=[start, end])
        begin, finish = start.start or 0, end.start or 0
        if part == "вечера" and begin >= finish and (alone := self._clock(first)):
            begin = alone.start or 0
        if end.bare_hour and finish <= begin and finish + 720 > begin and finish + 720 <= END_OF_DAY:
            finish += 720
        if start.bare_hour and begin >= finish and begin - 720 >= 0 and begin - 720 < finish:
            begin -= 720
        both_bare = start.bare_hour and end.bare_hour
        if both_bare and finish > self.hours.closing and finish - 720 > self.hours.opening and begin >= 720:
            begin, finish = begin - 720, finish - 720
        if begin >= finish:
            return None
        bare_hour = start.bare_hour if both_bare else None
        return Piece(*found.span(), clocks=[Clock(begin, finish, "range", bare_hour=bare_hour)])

    def after_or_before(self, found: re.Match[str]) -> Piece | None:
        clock = self._clock(found.group("a"))
        if clock is None or clock.start is None or (re.fullmatch(r"\d{1,2}", found.group("a")) and self._counts(found)):
            return None
        if found.group("rel") in ("AFTER", "не UNTIL", "начиная с", "с", "со"):
            start = clock.start
            if start >= self.hours.closing and clock.bare_hour:
                start -= 720
            end = max(self.hours.closing, start + 60)
            return Piece(*found.span(), clocks=[Clock(start, end, "range", bare_hour=clock.bare_hour)])
        end = clock.start
        if end <= self.hours.opening:
            return Piece(*found.span(), clocks=[Clock(max(0, end - 60), end, "range")])
        return Piece(*found.span(), clocks=[Clock(self.hours.opening, end, "range")])

    def at_clock(self, found: re.Match[str]) -> Piece | None:
        words = found.group("a") or found.group("a2")
        if found.group().startswith("на ") and re.fullmatch(r"\d{1,2} HOUR1?|HOUR1", words):
            before = self.line.symbols[: found.start()].split()
            if (
                before
                and not re.match(r"(?:9|1\d|2\d) HOUR", words)
                and not re.match(r"запи|можно|W\d|R\d|D|M\d|[#,]|\d", before[-1])
            ):
                return None  # "массаж на 2 часа" is how long, not when
        clock = self._clock(words)
        if clock is None or (re.fullmatch(r"\d{1,2}(?: HOUR)?", words) and self._counts(found)):
            return None
        if found.groupdict().get("approx") or " HRA" in words:
            clock = replace(clock, grain="approx")
        return Piece(*found.span(), clocks=[clock])

    def _counts(self, found: re.Match[str]) -> bool:
        """Whether a bare number counts what follows ("на два приема") or what stands before ("дней на пять")."""
        before = found.string[: found.start()].split()[-1:]
        if (
            before
            and found.group().startswith("на ")
            and re.fullmatch(r"дн(?:я|ей)|MIN|WEEK|MONTH|HOUR|раза?|градус\w*|процент\w*", before[0])
        ):
            return before[0] != "HOUR"
        following = found.string[found.end() :].split()[:1]
        if not following or len(following[0]) < 4 or not following[0].islower():
            return False
        return is_counted(following[0]) or (found.group().endswith(" 1") and "NOUN" in grammar(following[0]))

    def loose_clock(self, found: re.Match[str]) -> Piece | None:
        start = self._clock(found.group("a"))
        if start is None or not found.group("range"):
            return Piece(*found.span(), clocks=[start]) if start else None
        return self._range(found, how="-")

    def _clock(self, words: str) -> Clock | None:
        """One clock phrase as a point of the day; None when the numbers are no time."""
        part = next((w for w in ("утра", "дня", "вечера", "ночи", "полудня", "пополудни") if words.endswith(w)), None)
        core = words[: -len(part)].strip() if part else words
        if core == "NOON":
            return Clock(720, 720, "minute")
        if core == "MIDNIGHT":
            return Clock(END_OF_DAY, END_OF_DAY, "minute", others=(0,))
        numbers = [int(number) for number in re.findall(r"\d+", core)]
        literal = core.startswith("T0")
        if core.startswith("без") and core.endswith("HOUR1"):
            numbers.append(1)
        if core == "HOUR1":
            hour, minute = 1, 0
        elif core.startswith("HALF"):
            hour, minute = numbers[0] - 1, 30
        elif core.startswith("без"):
            hour, minute = numbers[-1] - 1, 60 - (15 if "QUARTER" in core else numbers[0])
        elif core.startswith("QUARTER"):
            hour, minute = numbers[0] - 1, 15
        elif re.match(r"\d+ MIN \d+[#@]", core):
            hour, minute = numbers[1] - 1, numbers[0]
        elif len(numbers) >= 2:
            hour, minute = numbers[0], numbers[1]
        elif numbers and numbers[0] > 100:  # 1730
            hour, minute = divmod(numbers[0], 100)
        elif numbers:
            hour, minute = numbers[0], 0
            literal = literal or re.match(r"0\d", core) is not None
        else:
            return None
        if hour == 0 and re.match("HALF|без|QUARTER", core):
            hour = 12
        if hour > 24 or not 0 <= minute < 60 or (hour == 24 and minute):
            return None
        point = hour * 60 + minute
        if part:
            return self._with_part(hour, point, part)
        if hour > 12 or hour == 0 or literal:
            return Clock(point, point, "minute")
        return self._bare(hour, minute)

    def _with_part(self, hour: int, point: int, part: str) -> Clock:
        if part == "ночи" and hour in (11, 12):
            night = END_OF_DAY if hour == 12 else point + 720
            return Clock(night, night, "minute", others=(0,) if hour == 12 else ())
        if hour <= 12 and ((part in ("дня", "полудня", "пополудни") and hour < 8) or (part == "вечера" and hour != 12)):
            point += 720
        if part == "вечера" and hour == 12:
            return Clock(END_OF_DAY, END_OF_DAY, "minute", others=(0,))
        return Clock(point, point, "minute")

    def _bare(self, hour: int, minute: int) -> Clock:
        """An hour of 1-12 with neither morning nor evening said: the reading inside the opening hours."""
        morning = (hour % 12) * 60 + minute if hour < 12 else 720 + minute
        readings = (morning, morning + 720) if hour < 12 else (morning,)
        usual = morning + 720 if hour <= 8 else morning
        inside = [reading for reading in readings if self.hours.opening <= reading < self.hours.closing]
        best = inside[0] if len(inside) == 1 else usual
        others = tuple(
            reading
            for reading in readings
            if reading != best and (reading in inside or self.hours.opening - 60 <= reading < self.hours.opening)
        )
        return Clock(best, best, "minute", others=others, bare_hour=hour)
