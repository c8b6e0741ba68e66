"""Which of the times found are wishes: no past visits, no old time of a move; what belongs together is joined."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any

from assistant import lexicon
from assistant.text import is_past_verb, lemma
from assistant.times.line import Line, clause_around, context, sentence_around
from assistant.times.shapes import DAY, END_OF_DAY, MANY, Clock, Days, Piece


class Chooser:
    """Picks and joins the pieces of one message."""

    def __init__(self, line: Line):
        self.line = line

    def choose(self, pieces: list[Piece]) -> tuple[list[Piece], list[Piece]]:
        """The wishes, each one piece with all its words, and what the client rules out."""
        named = _with_dates(self.line.symbols, self._without_the_unwished(pieces))
        kept = self._without_old_times(_with_ranges(self.line.symbols, named))
        wishes = self._grouped([piece for piece in kept if not piece.is_excluded])
        if any(wish.moment is None or wish.moment.grain != "asap" for wish in wishes):
            wishes = [wish for wish in wishes if wish.moment is None or wish.moment.grain != "asap"]
        return wishes, [piece for piece in kept if piece.is_excluded]

    def _without_the_unwished(self, pieces: list[Piece]) -> list[Piece]:
        """Drop the past, questions about opening hours and terms of promotions; mark what the client rules out."""
        kept: list[Piece] = []
        doubtful: list[Piece] = []
        symbols = self.line.symbols
        if context("jobs").search(symbols):
            return []
        if len(pieces) > 1:
            is_dated = any(piece.days or piece.moment for piece in pieces if not piece.may_repeat)
            pieces = [piece for piece in pieces if not (piece.may_repeat and is_dated)]
        for index, piece in enumerate(pieces):
            before = re.split(r" [.!?;] | , (?=а |но |хоч|мож|запи)", symbols[: piece.start])[-1]
            after = re.split(r" [.!?;,:](?: |$)", symbols[piece.end :])[0]
            if piece.is_past:
                continue
            if self._asks_hours(f"{before} {after}"):
                doubtful.append(piece)
                continue
            if self._tells(piece, before, after) or self._is_of_another_thing(piece):
                continue
            is_last = index + 1 == len(pieces)
            if _EXCEPT.search(before.strip()) or (is_last and _NOT.search(before.strip())):
                piece.is_excluded = True
            elif _words("cannot").match(after.strip()):
                # "завтра не смогу прийти" names the visit itself; beside another wish the day is ruled out
                partner = self._partner(kept, piece)
                rest = [other for other in [*pieces[index + 1 :], *kept] if other is not partner]
                others = [other for other in rest if not (other.is_past or other.is_excluded)]
                if piece.days or (partner and partner.days):  # "в среду в 18 не успеваю, можно на 19": the day stays
                    others = [other for other in others if other.days or other.moment]
                piece.is_excluded = bool(others) or re.search(r"остальн|друг\w+ д[ен]|любой|любое", symbols) is not None
                if partner and piece.is_excluded:
                    partner.is_excluded = True
            elif (
                kept
                and kept[-1].is_excluded
                and not piece.is_any
                and _same_kind(kept[-1], piece)
                and re.fullmatch(r"(?:[,и]|или|в|во|и в|и во|\s)*", symbols[kept[-1].end : piece.start].strip())
            ):
                piece.is_excluded = True
            if piece.from_day and piece.days and _words("called_off").search(before):  # "снимите меня с пятницы"
                piece = replace(piece, days=[Days(piece.days[0].first, piece.days[0].first + DAY)], from_day=False)
            kept.append(piece)
        if not kept and context("moves").search(symbols):
            return doubtful  # "а в воскресенье она работает? тогда передвиньте"
        return kept

    def _partner(self, kept: list[Piece], piece: Piece) -> Piece | None:
        """The day of a clock, or the clock of a day, right before the piece."""
        if not kept or bool(kept[-1].days) == bool(piece.days) or kept[-1].moment or piece.moment:
            return None
        return kept[-1] if _between("beside").fullmatch(self.line.symbols[kept[-1].end : piece.start]) else None

    def _asks_hours(self, clause: str) -> bool:
        return bool(context("hours_question").search(clause) and not context("booking").search(clause))

    def _tells(self, piece: Piece, before: str, after: str) -> bool:
        """What happened ("делала в субботу") and no wish is told around it."""
        near, far = before.rsplit(" , ", 1)[-1], after.split(" , ", 1)[0]
        is_past = _tells_past(near) or (_tells_past(far) and not context("wish_verbs").search(before))
        return is_past and piece.moment is None and not context("wish_verbs").search(near)

    def _is_of_another_thing(self, piece: Piece) -> bool:
        """The day of a wedding, today's pain, a cheap day, the time a treatment lasts: no time for a visit."""
        symbols = self.line.symbols
        clause = clause_around(symbols, piece.start, piece.end)
        sentence = sentence_around(symbols, piece.start, piece.end)
        own = symbols[piece.start : piece.end]
        rest = clause.replace(own, " ", 1)
        wished = context("wish_verbs").search(rest)
        if re.match(r" ?(?:W\d )?(?:да|же|верно|правильно) \?", symbols[piece.end :]):
            return True  # "завтра суббота, да?"
        around = f"{symbols[: piece.start]}|| {symbols[piece.end :]}".replace("  ", " ")
        if _event_beside().search(around):
            return True
        if not wished and (context("events").search(rest) or context("promo_words").search(rest)):
            return True
        is_today = _FELT_NOW.match(own)
        if not wished and is_today and context("symptoms").search(rest):
            return True
        if not wished and context("tells_later").search(rest):
            return True
        is_season = piece.days is not None and (piece.days[0].last - piece.days[0].first) > 60 * DAY
        beside = len(symbols.split()) - len(own.split())
        if (
            is_season
            and beside > (1 if re.match("весн|лет|зим|осен", own) else 2)
            and not context("wish_verbs").search(sentence)
        ):
            return True
        asked = sentence if symbols.startswith(" ?", symbols.find(sentence) + len(sentence)) else clause
        if context("price_words").search(asked) and not context("wish_verbs").search(sentence):
            return True
        if "THROUGH" in own or piece.moment is not None or re.search("UNTIL|WEEK|MORN|EVEN|NIGHT", own):
            if context("aftercare").search(rest):
                return True
            if "THROUGH" in own and not wished and context("arrivals").search(rest):
                return True
        is_soon = piece.moment is not None and piece.moment.grain == "range" and "MIN" in own
        if is_soon or (piece.moment is not None and piece.moment.grain == "asap"):
            return context("other_haste").search(clause) is not None and "SOON" not in own
        return False

    def _without_old_times(self, pieces: list[Piece]) -> list[Piece]:
        """Of a move only the new time stays: "с пятницы на субботу", "не завтра, а в среду", "вместо 5 в 7"."""
        units = self._units(pieces)
        old = [
            unit
            for index, unit in enumerate(units)
            if self._is_old(unit, units[index + 1 :] or units[:index], is_last=index + 1 == len(units))
        ]
        if len(old) == len(units):
            old = old[:-1]
        kept = [piece for unit in units if unit not in old for piece in unit]
        if _words("move").search(self.line.symbols):
            kept = self._target_of_move(kept)
        return self._with_day_kept(kept, [piece for unit in old for piece in unit])

    def _units(self, pieces: list[Piece]) -> list[list[Piece]]:
        """Pieces in their order, a day and the clock right beside it together."""
        units: list[list[Piece]] = []
        for piece in pieces:
            last = units[-1] if units else []
            if len(last) == 1 and not (last[0].is_excluded or piece.is_excluded):
                gap = self.line.symbols[last[0].end : piece.start]
                complete = bool(last[0].days) != bool(piece.days) and not (last[0].moment or piece.moment)
                leaves = self._begins(last[0], "с", "со") or self.line.symbols[: last[0].start].endswith(
                    (" с ", " со ")
                )
                turns = leaves and (self._begins(piece, "на") or gap.split()[-1:] == ["на"])
                if complete and not turns and _between("beside").fullmatch(gap):
                    last.append(piece)
                    continue
            units.append([piece])
        return units

    def _is_old(self, unit: list[Piece], others: list[list[Piece]], *, is_last: bool) -> bool:
        """Whether another time takes the place of this one; `others` come after it (before it, of the last)."""
        symbols, start, end = self.line.symbols, unit[0].start, unit[-1].end
        if any(piece.is_excluded for piece in unit) or not others:
            return False
        before, after = symbols[:start].split(), symbols[end:]
        if "вместо" in before[-2:] or re.search(r"(?:^|\s)а не (?:во? |на |к )?$", symbols[:start]):
            return True
        if is_last:
            return False
        gap = symbols[end : others[0][0].start]
        if _words("refused").search(symbols[:start]) and not re.search("отмен", symbols):
            return True
        if before[-1:] == ["не"] and gap.strip() == ",":
            return True
        if before[-1:] == ["не"] and re.search(r"(?:^|\s)(?:а|лучше|давайте)(?:\s|$)", gap):
            return True
        if (self._begins(unit[0], "с", "со") or before[-1:] in (["с"], ["со"])) and not others[0][0].is_excluded:
            aims = re.search(r"(?:^|\s)на\s*$", gap) or self._begins(others[0][0], "на")
            if aims or _words("move").search(symbols):
                return True
        if re.search("отмен|сним|убер|удал", symbols) and re.search("запиши|запис(?:ать|ите)|хочу|хотел", gap):
            return False  # a visit called off and another asked for: both count
        clause = clause_around(symbols, start, end)
        had = _words("had_before").search(symbols[:start])
        has = _words("held_after").match(after) or context("own").search(clause)
        said = [
            symbols[end : other[0].start] + sentence_around(symbols, other[0].start, other[-1].end) for other in others
        ]
        turns = any(context("turn").search(words) for words in said)
        if had and turns and not re.search("перен|перезап|сдвин|отмен", had.group()):
            return True
        called_off = re.search("отмен|сним|убер|удал", clause)
        if re.match(r" ?(?:\S+ ){0,2}(?:записан\w*|назначен\w*)(?!\S)", after) and not called_off:
            return True
        own = self.line.own_words(start, end).lower()
        if (
            re.match(r"\w+(?:н[ую]ю|н[ыи]й|нее|ная|няя)(?!\w)", own)
            and " на " in f"{gap} {symbols[others[0][0].start :]}"[:6]
        ):
            return True  # "завтрашнюю на четверг"
        statement = sentence_around(symbols, start, end)
        if _words("hindered").search(symbols) and not (context("wish_verbs").search(statement) or called_off):
            return any(
                context("turn").search(sentence_around(symbols, other[0].start, other[-1].end)) for other in others
            )
        return bool(
            has
            and not re.search("отмен", clause)
            and (turns or context("turn").search(symbols[:end]) or context("turn").search(after))
        )

    def _begins(self, piece: Piece, *words: str) -> bool:
        return self.line.symbols[piece.start : piece.end].split()[0] in words

    def _with_day_kept(self, kept: list[Piece], old: list[Piece]) -> list[Piece]:
        """ "записана на субботу на 12, можно в 14?": only the clock changes, the day stays."""
        dated = [piece for piece in old if piece.days]
        if len(dated) != 1 or len(kept) != 1 or not kept[0].clocks or kept[0].days or kept[0].is_excluded:
            return kept
        day = dated[0]
        days = [Days(day.days[0].first, day.days[0].first + DAY)] if day.from_day and day.days else day.days
        spans = [*day.where(), *kept[0].where()]
        return [replace(kept[0], days=days, other_days=day.other_days, spans=spans)]

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
        """The group with one more piece, or None when the piece begins a wish of its own."""
        gap = self.line.symbols[group.end : piece.start]
        is_near = _between("link").fullmatch(gap) is not None
        is_choice = _is_choice(gap)
        is_list = is_choice or (is_near and (re.search(r"[,/]|(?:^|\s)и\s", gap) is not None or not gap.strip()))
        if group.moment or piece.moment:
            return self._merged_moment(group, piece, is_near)
        if piece.days is None and piece.clocks:
            return self._with_clock(group, piece, gap, is_near=is_near, is_list=is_list, is_choice=is_choice)
        if not piece.days:
            return None
        if group.days is None:
            return self._both(group, piece) if is_near or len(gap.split()) <= 12 else None
        met = self._met(group, piece) if is_near or len(gap.split()) <= 2 else None
        if met is not None:
            return self._joined(
                group, piece, days=met.days, other_days=met.other_days, weekday=met.weekday, frame=met.frame
            )
        listed = _in_frame(piece, group.frame)
        several = MANY if group.weekday is not None and piece.weekday is not None else None
        if group.clocks is None and is_list:
            others = [*group.other_days, *piece.other_days] if listed is piece else []
            days = [*group.days, *(listed.days or [])]
            return self._joined(group, piece, days=days, other_days=others, weekday=several)
        if group.clocks and group.ends_with_day and is_list and not group.earlier and not is_choice:
            return self._joined(group, piece, days=[*group.days, *piece.days], other_days=[], weekday=several)
        if group.clocks and is_list:
            return self._next_option(group, listed)
        return None

    def _with_clock(
        self, group: Piece, piece: Piece, gap: str, *, is_near: bool, is_list: bool, is_choice: bool
    ) -> Piece | None:
        if group.clocks is None:
            return self._both(group, piece)
        if is_choice and group.days and group.ends_with_day:
            return self._next_option(group, piece)  # "в 5 завтра или в 6 послезавтра"
        clocks = group.clocks
        if is_near and not is_choice and (narrowed := _narrowed(clocks, piece.clocks or [])):
            return self._joined(group, piece, clocks=narrowed)
        if is_list or re.search("если (?:нет|не)|лучше|можно", gap):
            return self._joined(group, piece, clocks=[*clocks, *(piece.clocks or [])])
        return None

    def _next_option(self, group: Piece, piece: Piece) -> Piece:
        """ "завтра в 5 или в субботу утром": what was said so far is one choice, the piece begins the next."""
        grown = self._joined(group, piece)
        return replace(
            grown,
            days=piece.days,
            clocks=piece.clocks,
            other_days=[],
            weekday=piece.weekday,
            earlier=[*group.earlier, (group.days, group.clocks)],
        )

    def _met(self, group: Piece, piece: Piece) -> Piece | None:
        """Both are about the same days, or the piece is the frame of the weekdays listed before it."""
        met = _intersected(group, piece)
        if met is not None or group.weekday != MANY or not piece.days or len(piece.days) > 1:
            return met
        if piece.days[0].grain not in ("week", "month", "range"):
            return None
        days = [_in_frame(Piece(0, 0, days=[day], weekday=day.first.weekday()), piece) for day in group.days or ()]
        return Piece(0, 0, days=[day for one in days for day in one.days or ()], weekday=MANY)

    def _merged_moment(self, group: Piece, piece: Piece, is_near: bool) -> Piece | None:
        """ "до конца недели после 18": clocks inside a stretch; other moments stay alone."""
        holder, other = (group, piece) if group.moment else (piece, group)
        moment = holder.moment
        if moment is None or other.moment:
            return None
        if is_near and other.days and not other.clocks and other.days[0].first == moment.start.date():
            return self._joined(group, piece, moment=moment, days=None)  # "сегодня через час"
        if moment.end is None or moment.grain != "range":
            return None
        if other.clocks and not other.days and (moment.end - moment.start) > DAY:
            days = [Days(moment.start.date(), moment.end.date(), "range")]
            return self._joined(group, piece, days=days, clocks=other.clocks, moment=None)
        return None

    def _both(self, first: Piece, second: Piece) -> Piece:
        timed = first if first.clocks else second
        dated = second if first.clocks else first
        if dated.from_day and dated.days and all(clock.start == clock.end for clock in timed.clocks or ()):
            dated = replace(dated, days=[Days(dated.days[0].first, dated.days[0].first + DAY)])  # "с пятницы в 11"
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
        if _between("link").fullmatch(gap) and not re.search("лучше|можно|желательно|примерно|где", gap):
            spans[-1] = (spans[-1][0], second.end)
        else:
            spans += second.where()
        is_day = second.days is not None and second.clocks is None
        base = replace(first, end=second.end, spans=spans, ends_with_day=is_day)
        for name in ("days", "other_days", "clocks", "weekday", "frame"):
            if name not in changes and not getattr(base, name):
                changes[name] = getattr(second, name)
        return replace(base, **changes)


_EXCEPT = re.compile(r"(?:кроме|только не|но не|лишь бы не|исключая|за исключением)(?: (?:THIS|в|во|на))*$")
_NOT = re.compile(r"(?:^|\s)не(?: (?:в|во|на))*$")


@cache
def _words(name: str) -> re.Pattern[str]:
    """A pattern of `times.yaml` that begins with a symbol."""
    return re.compile(rf"(?<!\S){lexicon.load('times')[name]}")


@cache
def _event_beside() -> re.Pattern[str]:
    """An event right before or after the time, which stands as "||"."""
    events = lexicon.load("times")["events"]
    before = rf"{events} (?:в |на |у меня |уже )*\|\|(?!\S)"
    after = rf"(?<!\S)\|\| (?:у меня |у нас |у мужа |мне |мой |моя )*{events}(?!\S)"
    return re.compile(f"{before}|{after}")


@cache
def _between(name: str) -> re.Pattern[str]:
    """A pattern of `times.yaml` for all that stands between two times."""
    return re.compile(lexicon.load("times")[name])


_FELT_NOW = re.compile(
    r"R0|с (?:\d+ )?утра|(?:по |на )?(?:MORN|EVEN|NIGHT|утрам|вечерам)|MIDNIGHT|к вечеру|утро|AFTER обеда"
)
_STILL_AHEAD = frozenset(lexicon.load("times")["still_ahead"].split())


def _tells_past(clause: str) -> bool:
    """Whether a clause tells what happened ("делала в субботу") and not what is wished ("записалась на субботу")."""
    if re.search(r"(?<!\S)(?:запис\w+|бы)(?!\S)", clause):
        return False
    words = re.findall(r"(?<!\S)[а-я]{3,}(?!\S)", clause)
    return any(is_past_verb(word) and lemma(word) not in _STILL_AHEAD for word in words)


def _with_dates(symbols: str, pieces: list[Piece]) -> list[Piece]:
    """A weekday and its date side by side are one day: "чт 8", "9 июля, пт"."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        is_pair = last is not None and not (last.is_excluded or piece.is_excluded or last.clocks or piece.clocks)
        if last is not None and is_pair and symbols[last.end : piece.start].strip() in ("", ",", "("):
            kinds = (last.weekday is not None, piece.weekday is not None)
            numbers = (last.day_of_month is not None, piece.day_of_month is not None)
            met = _intersected(last, piece) if kinds != numbers and kinds == (numbers[1], numbers[0]) else None
            if met is not None and any(kinds) and not last.from_day:
                joined[-1] = replace(last, end=piece.end, days=met.days, other_days=met.other_days, weekday=met.weekday)
                continue
        joined.append(piece)
    return joined


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
    for free, frame_piece in ((first, second), (second, first)):
        if free.is_any and not frame_piece.is_any and frame_piece.days:  # "на следующей неделе в любой день"
            frame_days = frame_piece.days[0]
            grain = frame_days.grain if frame_days.grain == "day" else "range"
            return Piece(0, 0, days=[replace(frame_days, grain=grain)], other_days=frame_piece.other_days)
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
                    hit = Days(hits[0], hits[0] + DAY)
                    return Piece(0, 0, days=[hit], other_days=others, weekday=narrow.weekday, frame=wide)
            if narrow.day_of_month is not None:
                for i in range((frame.last - frame.first).days):
                    if (frame.first + i * DAY).day == narrow.day_of_month:
                        day = frame.first + i * DAY
                        return Piece(0, 0, days=[Days(day, day + DAY)], frame=wide)
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
            frame.grain in ("week", "month", "range")
            and span.grain == "range"
            and span != frame
            and frame.first <= span.first
            and span.last <= frame.last
        ):
            return Piece(0, 0, days=[span])
    return None


def _in_frame(piece: Piece, frame: Piece | None) -> Piece:
    """A weekday listed after a frame ("на следующей неделе в четверг или пятницу") lies in it too."""
    met = _intersected(frame, piece) if frame is not None else None
    return met or piece


def _same_kind(first: Piece, second: Piece) -> bool:
    """Days beside days of the same size, or clocks beside clocks: "кроме понедельника и среды"."""
    if first.days and second.days:
        return first.days[0].grain == second.days[0].grain
    return bool(first.clocks and second.clocks and not first.days and not second.days)


def _is_choice(gap: str) -> bool:
    """ "или", "а если нет, то", "но можно и": another time would do as well."""
    if re.fullmatch(r"[\s,]*(?:или|либо)(?: \S+){0,3} ?", gap):
        return True
    return _between("choice").fullmatch(gap) is not None and context("chooses").search(gap) is not None


def _narrowed(first: list[Clock], second: list[Clock]) -> list[Clock] | None:
    """Time phrases about the same time: "вечером в 7", "утром в 10 или 11"; None when they do not meet."""
    if len(first) == 1 and len(second) == 1:
        found = _narrowed_one(first[0], second[0])
        return None if found is None else [found]
    window, points = (first, second) if len(first) == 1 else (second, first)
    if len(window) != 1 or any(point.start != point.end for point in points) or window[0].start == window[0].end:
        return None
    found_all = [_narrowed_one(window[0], point) for point in points]
    return None if None in found_all else [clock for clock in found_all if clock]


def _narrowed_one(one: Clock, two: Clock) -> Clock | None:
    if one.start is None or one.end is None or two.start is None or two.end is None:
        return None
    if (one.start == one.end) and (two.start == two.end):
        return None
    window, other = (two, one) if one.start == one.end else (one, two)
    if other.start == other.end:
        return _point_within(window, other)
    start, end = max(window.start or 0, other.start or 0), min(window.end or END_OF_DAY, other.end or END_OF_DAY)
    if start >= end:
        for loose, fixed in ((window, other), (other, window)):
            moved = (loose.start or 0) - 720, (loose.end or 0) - 720
            if loose.bare_hour and (fixed.start or 0) <= moved[0] and moved[1] <= (fixed.end or END_OF_DAY):
                return Clock(*moved, "range")  # "с 8 до 9 перед работой"
        return None
    return Clock(start, end, "range" if "range" in (window.grain, other.grain) else "part")


def _point_within(window: Clock, point: Clock) -> Clock | None:
    """The reading of a point that lies in a part of the day."""
    hour, minute = point.bare_hour, (point.start or 0) % 60
    readings = [point.start or 0, *point.others]
    if hour:
        readings += [(hour % 12) * 60 + minute, (hour % 12) * 60 + 720 + minute]
    inside = [reading for reading in readings if (window.start or 0) <= reading <= (window.end or END_OF_DAY)]
    if not inside and window.grain == "part" and hour:
        inside = [(hour % 12) * 60 + (0 if (window.start or 0) < 720 else 720) + minute]
    return replace(point, start=inside[0], end=inside[0], others=(), bare_hour=None) if inside else None
