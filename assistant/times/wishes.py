"""Which of the times found are wishes: no past visits, no old time of a move; what belongs together is joined."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from assistant import lexicon
from assistant.text import is_past_verb, lemma
from assistant.times.line import Line
from assistant.times.shapes import DAY, END_OF_DAY, Clock, Days, Piece


class Chooser:
    """Picks and joins the pieces of one message."""

    def __init__(self, line: Line):
        self.line = line

    def choose(self, pieces: list[Piece]) -> tuple[list[Piece], list[Piece]]:
        """The wishes, each one piece with all its words, and what the client rules out."""
        kept = self._without_old_times(_with_ranges(self.line.symbols, self._without_the_unwished(pieces)))
        wishes = self._grouped([piece for piece in kept if not piece.is_excluded])
        if any(wish.moment is None or wish.moment.grain != "asap" for wish in wishes):
            wishes = [wish for wish in wishes if wish.moment is None or wish.moment.grain != "asap"]
        return wishes, [piece for piece in kept if piece.is_excluded]

    def _without_the_unwished(self, pieces: list[Piece]) -> list[Piece]:
        """Drop the past, questions about opening hours and terms of promotions; mark what the client rules out."""
        kept: list[Piece] = []
        symbols = self.line.symbols
        for index, piece in enumerate(pieces):
            before = re.split(r" [.!?;] | , (?=а |но |хоч|мож|запи)", symbols[: piece.start])[-1]
            after = re.split(r" [.!?;,](?: |$)", symbols[piece.end :])[0]
            clause = f"{before} {after}"
            asks_hours = _context("hours_question").search(clause) and not _context("booking").search(clause)
            is_promo = _context("promo_words").search(clause) and not _context("wish_verbs").search(clause)
            near, far = before.rsplit(" , ", 1)[-1], after.split(" , ", 1)[0]
            is_past = _tells_past(near) or (_tells_past(far) and not _context("wish_verbs").search(before))
            wished = _context("wish_verbs").search(before[before.rfind(" , ") :] if " , " in before else before)
            if piece.is_past or asks_hours or is_promo or (is_past and not wished and piece.moment is None):
                continue
            is_last = index + 1 == len(pieces)
            if _EXCEPT.search(before.strip()) or (is_last and _NOT.search(before.strip())):
                piece.is_excluded = True
            elif re.match(
                r"(?:я |мы )?(?:не (?:могу|смогу|получ\w*|подход\w*|удобно|предлаг\w*|вариант)|занят\w*|никак)",
                after.strip(),
            ):
                # "завтра не смогу прийти" names the visit itself; beside another wish the day is ruled out
                later = [other for other in pieces[index + 1 :] if not other.is_past]
                piece.is_excluded = bool(later) or re.search(r"остальн|друг\w+ д[ен]|любой|любое", symbols) is not None
            elif (
                kept
                and kept[-1].is_excluded
                and re.fullmatch(r"(?:[,и]|или|в|во|и в|и во|\s)*", symbols[kept[-1].end : piece.start].strip())
            ):
                piece.is_excluded = True
            kept.append(piece)
        return kept

    def _without_old_times(self, pieces: list[Piece]) -> list[Piece]:
        """Of a move only the new time stays: "с пятницы на субботу", "не завтра, а в среду", "вместо 5 в 7"."""
        symbols = self.line.symbols
        kept = list(pieces)
        for index, piece in enumerate(pieces):
            before = symbols[: piece.start].split()
            last = before[-1] if before else ""
            following = pieces[index + 1] if index + 1 < len(pieces) else None
            words = symbols[piece.start : piece.end].split()
            is_old = last == "вместо" or (len(before) > 1 and before[-2] == "вместо")
            refused = r"не (?:могу|смог\w+|получ\w+|успе\w+|выход\w+|подход\w+|приду|буду)(?: [а-я]+){0,2} ?$"
            if following and re.search(refused, symbols[: piece.start]) and not re.search("отмен", symbols):
                is_old = True
            if following and last == "не" and re.search(r"(?:^|\s)а\s", symbols[piece.end : following.start + 1]):
                is_old = True
            is_moving = re.search(r"перен|перезап|сдвин|передвин|поменя|перекин|перестав", symbols) is not None
            if (
                following
                and (words[0] in ("с", "со") or last in ("с", "со"))
                and not (piece.is_excluded or following.is_excluded)
            ):
                gap = symbols[piece.end : following.start]
                target = symbols[following.start : following.end]
                if is_moving or re.search(r"(?:^|\s)на\s*$", gap) or target.startswith("на "):
                    is_old = True
            had = re.search(r"(?<!\S)запис(?:ан\w*|алась|ался|ались|ь)(?: \S+){0,4} ?$", symbols[: piece.start])
            turns = any(_TURN.search(symbols[piece.end : later.start]) for later in pieces[index + 1 :])
            if had and turns and not re.search("перен|перезап|сдвин|отмен", had.group()):
                is_old = True
            if is_old and len(kept) > 1 and piece in kept:
                kept.remove(piece)
                own_clock = (
                    following
                    and following.clocks
                    and not following.days
                    and symbols[piece.end : following.start].strip() in ("", "в")
                )
                if own_clock and following in kept and any(later.days for later in pieces[index + 2 :]):
                    kept.remove(following)
        if re.search(r"перен|перезап|сдвин|передвин|перекин|перестав", symbols):
            kept = self._target_of_move(kept)
        return kept

    def _target_of_move(self, pieces: list[Piece]) -> list[Piece]:
        """When a move still names two days, the one said with "на" (or the last) is the new one."""
        days = [piece for piece in pieces if piece.days and not piece.is_excluded]
        if len(days) < 2:
            return pieces
        symbols = self.line.symbols
        linked = all(
            re.fullmatch(r"(?:[\s,]|или|либо|и|в|во|на)*", symbols[a.end : b.start])
            for a, b in zip(days, days[1:], strict=False)
        )
        if linked and re.search(r"или|либо", symbols[days[0].end : days[-1].start]):
            return pieces
        if any(_intersected(a, b) for a, b in zip(days, days[1:], strict=False)):
            return pieces
        aimed = [p for p in days if symbols[p.start :].startswith("на ") or symbols[: p.start].endswith("на ")]
        target = aimed[-1] if aimed else days[-1]
        old = [piece for piece in days if piece is not target]
        cut = max(piece.end for piece in old)
        if target.start > cut:
            between = [
                p
                for p in pieces
                if p.start >= cut
                and not p.days
                and p.start < target.start
                and p.clocks
                and "на " not in symbols[cut : p.start + 3]
            ]
            return [p for p in pieces if p.start >= cut and p not in between or p.is_excluded]
        first_old = min(piece.start for piece in old)
        return [p for p in pieces if p.end <= first_old or p.is_excluded]

    def _grouped(self, pieces: list[Piece]) -> list[Piece]:
        """Pieces that say one wish together, intersected or listed; each group becomes one slot."""
        groups: list[Piece] = []
        for piece in pieces:
            merged = self._merged(groups[-1], piece) if groups else None
            if merged is None:
                groups.append(replace(piece, spans=piece.where()))
            else:
                groups[-1] = merged
        if len(groups) == 2 and not self._complete(groups[0]) and not self._complete(groups[1]):
            first, second = groups
            if bool(first.days) != bool(second.days) and first.moment is None and second.moment is None:
                return [self._both(first, second)]
        return groups

    def _complete(self, piece: Piece) -> bool:
        return piece.moment is not None or (piece.days is not None and piece.clocks is not None)

    def _merged(self, group: Piece, piece: Piece) -> Piece | None:
        symbols = self.line.symbols
        gap = symbols[group.end : piece.start]
        is_near = re.fullmatch(_LINK, gap) is not None
        is_list = is_near and (re.search(r"или|либо|[,/]|(?:^|\s)и\s", gap) is not None or not gap.strip())
        if group.moment or piece.moment:
            return self._merged_moment(group, piece, is_near)
        if piece.days is None and piece.clocks:
            if group.clocks is None:
                return self._both(group, piece)
            if is_near and not re.search(r"или|либо", gap):
                narrowed = _narrowed(group.clocks, piece.clocks)
                if narrowed:
                    return self._joined(group, piece, clocks=narrowed)
            if (
                is_list
                or re.search(r"(?:или|либо)(?: \S+){0,3} ?$", gap)
                or re.search("если (?:нет|не)|лучше|можно", gap)
            ):
                return self._joined(group, piece, clocks=group.clocks + piece.clocks)
            return None
        if piece.days and group.days is None:
            return self._both(group, piece) if len(gap.split()) <= 12 else None
        if piece.days and group.days:
            met = _intersected(group, piece) if is_near or len(gap.split()) <= 2 else None
            if met is not None:
                return self._joined(group, piece, days=met.days, other_days=met.other_days, weekday=met.weekday)
            if group.clocks is None and (is_list or re.search(r"(?:или|либо)(?: \S+){0,3} ?$", gap)):
                return self._joined(
                    group, piece, days=group.days + piece.days, other_days=[*group.other_days, *piece.other_days]
                )
            if group.clocks and group.ends_with_day and is_list and not group.earlier:
                return self._joined(group, piece, days=group.days + piece.days, other_days=[], weekday=None)
            if group.clocks and re.search(r"или|либо", gap) and len(gap.split()) <= 5:
                earlier = [*group.earlier, (group.days, group.clocks)]
                return self._joined(
                    group, piece, days=piece.days, other_days=[], weekday=None, clocks=None, earlier=earlier
                )
        return None

    def _merged_moment(self, group: Piece, piece: Piece, is_near: bool) -> Piece | None:
        """ "до конца недели после 18": clocks inside a stretch; other moments stay alone."""
        holder, other = (group, piece) if group.moment else (piece, group)
        moment = holder.moment
        if moment is None or other.moment or moment.end is None or moment.grain != "range":
            return None
        if other.clocks and not other.days and (moment.end - moment.start) > DAY:
            days = [Days(moment.start.date(), moment.end.date(), "range")]
            return self._joined(group, piece, days=days, clocks=other.clocks, moment=None)
        return None

    def _both(self, first: Piece, second: Piece) -> Piece:
        timed = first if first.clocks else second
        dated = second if first.clocks else first
        clocks = (
            (timed.clocks or [])
            if dated.clocks is None
            else (_narrowed(dated.clocks, timed.clocks or []) or timed.clocks)
        )
        return self._joined(
            first, second, days=dated.days, other_days=dated.other_days, clocks=clocks, weekday=dated.weekday
        )

    def _joined(self, first: Piece, second: Piece, **changes: Any) -> Piece:
        gap = self.line.symbols[first.end : second.start]
        spans = list(first.where())
        if re.fullmatch(_LINK, gap) and not re.search("лучше|можно|желательно|примерно|где", gap):
            spans[-1] = (spans[-1][0], second.end)
        else:
            spans += second.where()
        is_day = second.days is not None and second.clocks is None
        base = replace(first, end=second.end, spans=spans, ends_with_day=is_day)
        for name in ("days", "other_days", "clocks", "weekday"):
            if not changes.get(name) and not getattr(base, name):
                changes[name] = getattr(second, name)
        return replace(base, **changes)


_EXCEPT = re.compile(r"(?:кроме|только не|но не|лишь бы не|исключая|за исключением)(?: (?:THIS|в|во|на))*$")
_NOT = re.compile(r"(?:^|\s)не(?: (?:в|во|на))*$")
_TURN = re.compile(
    r"(?<!\S)(?:перен\w*|перезап\w*|перепиш\w*|сдвин\w*|передвин\w*|поменя\w*|можно|хочу|хотел\w*|лучше|давайте|а на"
    r"|получится)(?!\S)"
)


_LINK = r"(?:[\s,/.()-]|или|либо|и|в|во|на|к|где|то|примерно|лучше|желательно|можно|~|ну|а|HRA|а именно|с|числа|это)*"


_STILL_AHEAD = frozenset(lexicon.load("times")["still_ahead"].split())


def _tells_past(clause: str) -> bool:
    """Whether a clause tells what happened ("делала в субботу") and not what is wished ("записалась на субботу")."""
    if re.search(r"(?<!\S)(?:запис\w+|бы)(?!\S)", clause):
        return False
    words = re.findall(r"(?<!\S)[а-я]{3,}(?!\S)", clause)
    return any(is_past_verb(word) and lemma(word) not in _STILL_AHEAD for word in words)


@cache
def _context(name: str) -> re.Pattern[str]:
    if name == "booking":
        return re.compile(r"(?<!\S)(?:запи\w*|хоч\w*|хотел\w*|можно|окош\w*|свободн\w*|стриж\w*|подойти|прийти)(?!\S)")
    return re.compile(rf"(?<!\S){lexicon.load('times')[name]}(?!\S)")


def _with_ranges(symbols: str, pieces: list[Piece]) -> list[Piece]:
    """Join two days that stand as a range: "пн-ср", "с понедельника по среду", "25.11 - 28.11"."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if (
            last
            and last.days
            and piece.days
            and len(last.days) == len(piece.days) == 1
            and not (last.is_excluded or piece.is_excluded)
        ):
            gap = symbols[last.end : piece.start].strip()
            words = symbols[piece.start : piece.end].split()
            begins = (
                last.from_day
                or symbols[: last.start].rstrip().endswith((" с", " со"))
                or symbols[last.start :].startswith(("с ", "со "))
            )
            says_until = words[0] in ("по", "UNTIL") or gap in ("по", "до", "UNTIL", "-", "и до", "и по")
            if (
                gap == "-"
                or (says_until and gap in ("", "и", "по", "до", "UNTIL") and begins)
                or (words[0] == "по" and gap == "" and last.weekday is not None)
            ):
                first, end = last.days[0].first, piece.days[0].last
                if piece.weekday is not None:
                    end = first + timedelta(days=(piece.weekday - first.weekday()) % 7 + 1)
                if end > first:
                    joined[-1] = replace(
                        last,
                        end=piece.end,
                        days=[Days(first, end, "range")],
                        other_days=[],
                        weekday=None,
                        from_day=False,
                    )
                    continue
        joined.append(piece)
    return joined


def _intersected(first: Piece, second: Piece) -> Piece | None:
    """Two day phrases about the same day ("в пятницу 27 ноября", "на следующей неделе в среду"), else None."""
    if not (first.days and second.days and len(first.days) == len(second.days) == 1):
        return None
    one, two = (first, first.days[0]), (second, second.days[0])
    for (narrow, span), (wide, frame) in ((one, two), (two, one)):
        if frame.grain in ("week", "month", "range") and span.grain == "day":
            if narrow.weekday is not None:
                hits = [
                    frame.first + i * DAY
                    for i in range((frame.last - frame.first).days)
                    if (frame.first + i * DAY).weekday() == narrow.weekday
                ]
                if hits and (frame.grain != "month" or len(hits) == 1):
                    others = [
                        Days(o.first + timedelta(days=narrow.weekday), o.first + timedelta(days=narrow.weekday + 1))
                        for o in wide.other_days
                        if o.first.weekday() == 0
                    ]
                    return Piece(0, 0, days=[Days(hits[0], hits[0] + DAY)], other_days=others, weekday=narrow.weekday)
            if narrow.day_of_month is not None:
                for i in range((frame.last - frame.first).days):
                    if (frame.first + i * DAY).day == narrow.day_of_month:
                        day = frame.first + i * DAY
                        return Piece(0, 0, days=[Days(day, day + DAY)])
            if frame.first <= span.first and span.last <= frame.last:
                return Piece(0, 0, days=[span])
        elif frame.grain == "day" and span.grain == "day":
            if narrow.weekday is not None and wide.weekday is None:
                if frame.first.weekday() == narrow.weekday:
                    return Piece(0, 0, days=[frame], weekday=narrow.weekday)
                if wide.day_of_month is not None:
                    return Piece(0, 0, days=[frame], other_days=[span], weekday=None)
            if span == frame:
                return Piece(0, 0, days=[span])
        elif (
            frame.grain in ("week", "month")
            and span.grain == "range"
            and frame.first <= span.first
            and span.last <= frame.last
        ):
            return Piece(0, 0, days=[span])
    return None


def _narrowed(first: list[Clock], second: list[Clock]) -> list[Clock] | None:
    """Two time phrases about the same time: "вечером в 7", "вечером после 18"; None when they do not meet."""
    if len(first) != 1 or len(second) != 1:
        return None
    one, two = first[0], second[0]
    if one.start is None or one.end is None or two.start is None or two.end is None:
        return None
    if (one.start == one.end) and (two.start == two.end):
        return None
    window, other = (two, one) if one.start == one.end else (one, two)
    if other.start == other.end:
        readings = [other.start or 0, *other.others]
        if other.bare_hour:
            readings += [
                (other.bare_hour % 12) * 60 + (other.start or 0) % 60,
                (other.bare_hour % 12) * 60 + 720 + (other.start or 0) % 60,
            ]
        for reading in readings:
            if (window.start or 0) <= reading <= (window.end or END_OF_DAY):
                return [replace(other, start=reading, end=reading, others=(), bare_hour=None)]
        if window.grain == "part" and other.bare_hour:
            morning = (window.start or 0) < 720
            point = (other.bare_hour % 12) * 60 + (0 if morning else 720) + (other.start or 0) % 60
            return [replace(other, start=point, end=point, others=(), bare_hour=None)]
        return None
    start, end = max(window.start or 0, other.start or 0), min(window.end or END_OF_DAY, other.end or END_OF_DAY)
    if start >= end:
        return None
    return [Clock(start, end, "range" if "range" in (window.grain, other.grain) else "part")]


def _joins(symbols: str, first: Piece, second: Piece) -> bool:
    return re.fullmatch(_LINK, symbols[first.end : second.start]) is not None
