"""When does the client want to come: Russian words for times, resolved towards the future.

A message becomes a line of symbols (weekdays, months, numbers, parts of a day), what only looks like a time is masked, a
small grammar finds pieces (a day, a clock, a window), and pieces that belong together are intersected and resolved
against `now` and the opening hours. Pure: naive local time in, naive local time out.
"""

from __future__ import annotations

import calendar
import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache

from assistant import lexicon
from assistant.text import Text, is_past_verb, lemma, normalise
from assistant.understanding import DateTimeSlot, Grain, Interval

DAY = timedelta(days=1)
MIDNIGHT = 24 * 60  # minutes of a day
HORIZON_DAYS = 7  # how far "from Monday on" or "in the evenings" reaches
FAR_DAYS = 180  # a named date that comes only after so long was more likely meant for another month


@dataclass(frozen=True)
class Hours:
    """Opening hours in minutes of the day."""

    opening: int
    closing: int


@dataclass(frozen=True)
class Days:
    """Some days in a row, [first, last)."""

    first: date
    last: date
    grain: Grain = "day"


@dataclass(frozen=True)
class Clock:
    """A window of a day in minutes, [start, end); a point has end == start. None means: until or from the opening hour."""

    start: int | None
    end: int | None
    grain: Grain
    others: tuple[int, ...] = ()  # other readings of a point
    bare_hour: int | None = None  # 1-12 when the words left morning or evening open


@dataclass
class Piece:
    """What one phrase says: days, clocks, or an absolute stretch of time."""

    start: int  # positions in the symbol line
    end: int
    days: list[Days] | None = None
    other_days: list[Days] = field(default_factory=list)
    clocks: list[Clock] | None = None
    moment: Interval | None = None
    weekday: int | None = None
    day_of_month: int | None = None
    is_past: bool = False
    is_excluded: bool = False
    from_day: bool = False  # "с пятницы": may begin a range or be the old time of a visit
    earlier: list[tuple[list[Days] | None, list[Clock] | None]] = field(default_factory=list)  # "завтра в 5 или ..."
    spans: list[tuple[int, int]] = field(default_factory=list)

    def where(self) -> list[tuple[int, int]]:
        return self.spans or [(self.start, self.end)]


def find_times(
    text: Text | str,
    *,
    now: datetime,
    opening: time = time(9),
    closing: time = time(21),
    hidden: Sequence[tuple[int, int]] = (),
) -> tuple[DateTimeSlot, ...]:
    """The times that a message wishes, in its order; past events, prices, ages, addresses and phones give nothing.

    `hidden` are stretches of `text.plain` that are known to be something else (a phone, a promo code)."""
    text = normalise(text) if isinstance(text, str) else text
    line = _symbols(text, hidden)
    if not line.may_hold_time:
        return ()
    hours = Hours(opening.hour * 60 + opening.minute, (closing.hour * 60 + closing.minute) or MIDNIGHT)
    reader = _Reader(line, now.replace(second=0, microsecond=0), hours)
    return reader.slots()


# The line of symbols


@dataclass(frozen=True)
class _Line:
    text: Text
    symbols: str
    begins: list[int]  # of each symbol in `symbols`
    bounds: list[tuple[int, int]]  # of each symbol in text.plain

    @property
    def may_hold_time(self) -> bool:
        return _HINT.search(self.symbols) is not None

    def plain_span(self, start: int, end: int) -> tuple[int, int]:
        """Where symbols[start:end] stands in text.plain."""
        first = bisect_right(self.begins, start) - 1
        last = bisect_right(self.begins, end - 1) - 1
        return self.bounds[first][0], self.bounds[last][1]

    def own_words(self, start: int, end: int) -> str:
        return self.text.own_words(*self.plain_span(start, end))


_TOKEN = re.compile(
    r"24/7|20\d\d-\d\d-\d\d(?!\d)|\d{1,2}:\d{2}(?!\d)|\d{1,2}[./]\d{1,2}[./](?:20)?\d{2}(?!\d)|\d{1,2}\.\d{1,2}(?![\d])|\d{1,2}/\d{1,2}(?![\d/])|\d+|[a-z]+|[а-я]+|[^\s\w]|_"
)
_SUFFIXES = {"го", "ого", "е", "ое", "его", "му", "ому", "ему", "ое", "ье", "го.", "ом"}
_HINT = re.compile(
    r"\d|[A-Z]{2}|W\d|R\d|HOUR|вечер|утр|обед|работы|скорее|быстрее|раньше|срочно|сейчас|днях|праздник|рождеств|каникул|asap|дня|пораньше"
)


@cache
def _words() -> dict[str, str]:
    words: dict[str, str] = {}
    data = lexicon.load("times")
    for symbol, forms in data["words"].items():
        for form in forms.split():
            words[form.replace("ё", "е")] = symbol
    words["час"] = words["часу"] = "HOUR1"
    for number, forms in data["numbers"].items():
        for form in forms.split():
            words[form] = str(number)
    for number, stem in data["ordinals"].items():
        endings = ("его", "ему", "е") if number == 3 else ("го", "му", "е")
        for ending in endings:
            words[stem + ending] = f"{number}@"
        if number == 3:
            words["третьего"] = words["третье"] = words["третьему"] = "3@"
    return words


@cache
def _masks() -> list[re.Pattern[str]]:
    return [re.compile(rf"(?<!\S)(?:{mask})(?!\S)") for mask in lexicon.load("times")["masks"]]


def _symbols(text: Text, hidden: Sequence[tuple[int, int]]) -> _Line:
    symbols: list[str] = []
    bounds: list[tuple[int, int]] = []
    words = _words()

    def put(symbol: str, start: int, end: int) -> None:
        symbols.append(symbol)
        bounds.append((start, end))

    for match in _TOKEN.finditer(text.plain):
        start, end = match.span()
        token = match.group()
        if any(left < end and start < right for left, right in hidden):
            put("_", start, end)
            continue
        glued = bool(bounds) and bounds[-1][1] == start
        if token[0].isdigit():
            put(_number_symbol(token), start, end)
            continue
        if not token[0].isalpha():
            put({'"': "'", "~": "~"}.get(token, token), start, end)
            continue
        if glued and symbols[-1].isdigit():
            if token in _SUFFIXES and len(symbols[-1]) <= 2:
                symbols[-1] += "#"
                bounds[-1] = (bounds[-1][0], end)
                continue
            if token in ("к", "т", "тр", "тыщ"):
                put("PRICE", start, end)
                continue
        if glued and symbols[-1] == "-" and len(symbols) > 1 and symbols[-2].isdigit() and token in _SUFFIXES:
            symbols.pop()
            bounds.pop()
            symbols[-1] += "#"
            bounds[-1] = (bounds[-1][0], end)
            continue
        symbol = words.get(token)
        if symbol is None and token.startswith("пол") and len(token) > 5:
            if token == "полчаса":  # noqa: S105 - a word, no secret
                symbol = "HALFHOUR"
            elif token in ("полтора", "полторы"):
                symbol = "ONEHALF"
            elif (hour := words.get(token[3:])) and hour.endswith("@"):
                put("HALF", start, start + 3)
                put(hour, start + 3, end)
                continue
        if symbol and symbol[0].isdigit() and symbols and symbols[-1] in ("20", "30", "40", "50") and symbol != "0":
            unit = symbol.rstrip("@")
            if len(unit) == 1 and text.plain[bounds[-1][0]].isalpha():
                symbols[-1] = str(int(symbols[-1]) + int(unit)) + ("@" if symbol.endswith("@") else "")
                bounds[-1] = (bounds[-1][0], end)
                continue
        put(symbol or token, start, end)
    line = _with_clocks(" ".join(symbols))
    for mask in _masks():
        line = mask.sub(lambda found: re.sub(r"\S+", lambda word: "_" * len(word.group()), found.group()), line)
    begins = [0]
    for symbol in symbols[:-1]:
        begins.append(begins[-1] + len(symbol) + 1)
    return _Line(text, line, begins, bounds)


def _number_symbol(token: str) -> str:
    """A number as written; a clock as T5:30, a date as D15.12 or D15.12.2026; an impossible one masked."""
    if token == "24/7":  # noqa: S105
        return "_"
    if re.fullmatch(r"20\d\d-\d\d-\d\d", token):
        year, month, day = token.split("-")
        return f"D{day}.{month}.{year}"
    if ":" in token:
        hour, minute = map(int, token.split(":"))
        return f"T{token}" if hour <= 24 and minute < 60 else "_"
    if "." in token or "/" in token:
        first, second, *year = re.split(r"[./]", token)
        if 1 <= int(first) <= 31 and 1 <= int(second) <= 12:
            return f"D{token}"
        if not year and int(first) <= 23 and int(second) < 60 and len(second) == 2 and "." in token:
            return f"T{first}:{second}"
        return "_"
    return token


def _with_clocks(line: str) -> str:
    """Dates that are clocks after all: "в 10.10", "11.10 вечера"; lengths stay the same."""

    def clock(found: re.Match[str]) -> str:
        return f"{found.group(1)}T{found.group(2)}:{found.group(3)}"

    line = re.sub(r"(?<!\S)((?:в|во) )D(\d{1,2})\.(\d\d)(?!\S)", clock, line)
    return re.sub(r"(?<!\S)()D(\d{1,2})\.(\d\d)(?= (?:утра|вечера|дня|HOUR)(?!\S))", clock, line)


# The grammar

_DP = r"(?: (?:утра|дня|вечера|ночи|полудня|пополудни))?"
_MINUTES = r"(?:00|05|10|15|20|25|30|35|40|45|50|55)"
_STRONG = (
    r"(?:T\d{1,2}:\d\d(?: HOUR1?)?"
    r"|без (?:\d{1,2}|QUARTER)(?: MIN)? \d{1,2}(?: HOUR)?"
    r"|HALF (?:- )?\d{1,2}[#@]?"
    r"|QUARTER \d{1,2}[#@]|\d{1,2} MIN \d{1,2}[#@]"
    r"|\d{1,2} (?:HOUR1?|HRA) \d{1,2}(?: MIN)?(?! [-\d])"
    r"|\d{1,2} 0 0|\d{1,2} (?:- )?00"
    r"|NOON|MIDNIGHT)"
)
_BARE = rf"(?:[01]?\d|2[0-4])(?: (?:- )?{_MINUTES}(?! (?:HOUR|M\d|#|@)))?"
_CLOCK = rf"(?:{_STRONG}{_DP}|\d{{1,2}} (?:HOUR1?|HRA){_DP}|{_BARE}{_DP}|HOUR1{_DP})"
_NOT_UNIT = r"(?! (?:WEEK|MONTH|YEAR|дней|день|MIN|M\d|[.,] \d{3}|%))"
_WHICH = r"(?:THIS|NEXT|NEAR|THAT|EVERY|LAST)"
_END = r"(?!\S)"
_PARTS: list[tuple[str, tuple[int | None, int | None]]] = [
    (r"(?:в )?(?:перв\w+|1@?) (?:HALF|половин\w*)(?: дня)?", (None, 13 * 60)),
    (r"(?:во? )?(?:втор\w+|2@?) (?:HALF|половин\w*)(?: дня)?", (13 * 60, 18 * 60)),
    (r"(?:UNTIL|перед) (?:обед\w*)", (None, 13 * 60)),
    (r"(?:AFTER|с) обеда|послеобед\w*", (13 * 60, 18 * 60)),
    (r"AFTER (?:NOON)", (12 * 60, None)),
    (r"UNTIL NOON", (None, 12 * 60)),
    (r"AFTER (?:работы|учебы|школы|садика)", (18 * 60, 21 * 60)),
    (r"(?:ближе к|под|к) (?:вечеру|вечер)", (16 * 60, 19 * 60)),
    (r"(?:поздно |поздним |попозже |AFTER )EVEN|EVEN (?:поздно|попозже|AFTER)(?! (?:\d|T|HALF|работы|учебы|школы|обед))|поздний вечер", (19 * 60, 21 * 60)),
    (r"UNTIL вечера", (None, 17 * 60)),
    (r"(?:в|к|ближе к|на|~) обед\w*|в обеденн\w+(?: (?:время|перерыв))?|обедом", (12 * 60, 14 * 60)),
    (r"(?:рано |прямо |пораньше )?MORN(?: (?:рано|пораньше|UNTIL(?! \S*\d)))?|с (?:самого )?утра(?: (?:пораньше|UNTIL(?! \S*\d)))?|(?:на|в|под)? ?утро|(?:в )?утренн\w+ (?:время|часы|HOUR)|первой половине", (None, 12 * 60)),
    (r"(?:во? |среди )?(?:DAYT)|(?:в )?дневн\w+ (?:время|часы|HOUR)|среди дня", (12 * 60, 17 * 60)),
    (r"EVEN|(?:на|в) вечер|вечер(?= |$)|(?:в )?вечерн\w+ (?:время|часы|HOUR|окно|окошко)", (17 * 60, None)),
]  # fmt: skip


@cache
def _grammar() -> list[tuple[re.Pattern[str], Callable[[_Reader, re.Match[str]], Piece | None]]]:
    def rule(pattern: str, build: Callable[[_Reader, re.Match[str]], Piece | None]) -> tuple[re.Pattern[str], Callable]:
        return re.compile(rf"(?<!\S)(?:{pattern}){_END}"), build

    unit = r"(?P<unit>WEEK|MONTH|день|дня|дней|дн|денек|деньков|денька|HOUR1?|HRA|часок|MIN|YEAR|HALFHOUR|сутки|суток)"
    rules = [
        rule(rf"(?:PAST|(?:во?|на) LAST (?:WEEK|W\d|MONTH|YEAR|WEEKEND|раз)|LAST (?:WEEK|W\d|MONTH|YEAR|WEEKEND|раз)|в тот раз)(?: (?:MORN|EVEN|DAYT|NIGHT|в {_CLOCK}))?", _Reader.past),
        rule(rf"(?:~ )?THROUGH (?:~ )?(?:(?P<n>\d{{1,3}}|HALF|ONEHALF|QUARTER)(?: - (?P<m>\d{{1,3}}))? )?{unit}(?: (?:другую|другой|другую|с HALF))?", _Reader.in_some),
        rule(rf"(?:~ )?{unit} (?:так )?THROUGH (?P<n>\d{{1,3}})(?: - (?P<m>\d{{1,3}}))?", _Reader.in_some),
        rule(r"(?:на )?(?:этой )?(?P<wd>W\d) THROUGH (?:(?P<n>\d) )?WEEK", _Reader.weekday_in_weeks),
        rule(rf"в течени[еи] (?:NEAR |THIS )?(?:(?P<n>\d{{1,3}}|HALF|ONEHALF) )?{unit}|в(?:о)? NEAR (?:(?P<n2>\d{{1,3}}|HALF|пол|ONEHALF) )?(?P<unit2>HOUR1?|MIN|HALFHOUR)", _Reader.within),
        rule(r"(?:UNTIL|по) (?:самого )?FINISH (?:THIS )?(?P<next>NEXT )?(?P<unit>дня|WEEK|MONTH|YEAR|M\d+|рабочего дня|EVEN)", _Reader.until_end),
        rule(r"(?:во?|на|к|ближе к|под|с)? ?(?P<part>BEGIN|MIDDLE|FINISH) (?P<which>NEXT |THIS |THAT |NEAR )?(?P<unit>WEEK|MONTH|M\d+)", _Reader.part_of),
        rule(r"(?:(?:на|в|во) )?(?P<which>THIS|NEXT|NEAR|THAT|другой|другую) (?P<unit>WEEK|MONTH)", _Reader.week_or_month),
        rule(r"(?:на|в|к) (?P<unit>WEEK) (?P<which>NEXT)|(?P<which2>THROUGH) (?P<unit2>WEEK)", _Reader.week_or_month),
        rule(r"(?:в|на|весь|после|AFTER) (?P<month>M\d+)(?: MONTH)?", _Reader.in_month),
        rule(r"(?:в|на) (?P<edge>первых|последних) числах (?P<which>NEXT )?(?P<unit>MONTH|M\d+)", _Reader.edge_of_month),
        # days
        rule(r"(?:с |со |от |между )?(?P<a>\d{1,2})[#@]?(?: числа)? (?P<how>-|по|до|UNTIL|и|или|либо|,|/) (?P<b>\d{1,2})[#@]? (?P<month>M\d+|числа|число)", _Reader.dates_of_month),
        rule(r"(?:с |со |от )?(?P<a>\d{1,2})[#@] (?P<how>-|по|до|UNTIL|и|или|либо|,|/) (?P<b>\d{1,2})[#@]", _Reader.dates_of_month),
        rule(r"(?:с |со |от )?(?P<a>\d{1,2})(?: \.)? (?P<how>-|по|/|или|и) D(?P<b>\d{1,2})[./](?P<m2>\d{1,2})(?:[./](?P<year>\d+))?", _Reader.dates_of_month),
        rule(r"с (?P<a>\d{1,2}) (?P<how>по) (?P<b>\d{1,2})", _Reader.dates_of_month),
        rule(r"(?P<rel>с|со|UNTIL|AFTER|по|не UNTIL|не AFTER|начиная с|перед|к)? ?(?:во? |на )?(?P<day>\d{1,2})[#@]? (?P<month>M\d+)(?: (?P<year>20\d\d))?(?: YEAR)?", _Reader.day_month),
        rule(r"(?P<rel>с|со|UNTIL|AFTER|по|не UNTIL|не AFTER|начиная с)? ?(?:во? |на |к )?D(?P<day>\d{1,2})[./](?P<mm>\d{1,2})(?:[./](?P<year>\d{2,4}))?(?: YEAR)?", _Reader.day_month),
        rule(r"(?P<rel>с|со|UNTIL|AFTER|по|не UNTIL|не AFTER|начиная с)? ?(?:на |к )?(?:(?P<day>\d{1,2})#(?: числ[оа])?|(?P<day2>\d{1,2})[#@]? числ[оа]|(?:(?<=на )|(?<=к )|(?<=с )|(?<=UNTIL )|(?<=AFTER ))(?P<day3>\d{1,2})@(?! [а-я]{3,}))", _Reader.ordinal),
        rule(r"(?:на |к )?(?P<day>\d{1,2})(?= (?:в|к|на|AFTER|UNTIL|~) (?:\d|T|HALF|без|HOUR1))(?! (?:в|на) 1 )", _Reader.ordinal),
        rule(r"(?:на|к) (?P<day>2[4-9]|3[01])(?! (?:MIN|HOUR|[-:.] \d))", _Reader.ordinal),
        rule(rf"(?P<rel>с|со|UNTIL|AFTER|по|не UNTIL|не AFTER|начиная с)? ?(?:во? |на |ко? )?(?P<which>{_WHICH} )?W(?P<wd>\d)", _Reader.on_weekday),
        rule(r"(?:по|на) WS(?P<wd>\d)", _Reader.on_weekday),
        rule(r"EVERY день|ежедневно|(?:в |на )?любой(?: (?:другой|из))? день", _Reader.any_day),
        rule(rf"(?:во? |на |по )?(?P<which>{_WHICH} )?(?P<what>WEEKEND|BUDNI|рабочи\w+(?= д[ен]))(?: (?:день|дни|дней|дням|дня))?", _Reader.weekend),
        rule(r"(?P<rel>с|со|UNTIL|AFTER|по|не UNTIL|не AFTER|начиная с)? ?(?:на |к )?(?P<which>EVERY )?R(?P<n>\d)(?: (?:день|дня))?", _Reader.relative_day),
        rule(r"(?P<rel>AFTER|перед|к|на|UNTIL|в) (?:(?P<ny>нов\w+ YEAR)|(?P<hol>праздник\w*|новогодни\w+(?: праздник\w*| каникул\w*)?|каникул\w*|рождеств\w*|майск\w+(?: праздник\w*)?))", _Reader.holiday),
        rule(r"на днях|(?:в|на) NEAR (?:(?P<n>\d+) )?(?:дни|дней|дня|днях)|(?:в )?NEAR (?:пару|2) дней", _Reader.coming_days),
        rule(r"(?:(?:на|в|во|самое|самую|самый) )?NEAR(?: (?:свободн\w+|доступн\w+|возможн\w+))? (?:время|окн\w*|окош\w*|запис\w*|дат\w*|возможн\w*|мест\w*|местечк\w*|прием\w*|числ\w*|талон\w*)|(?:на )?(?:само[ею] |сам\w+ )?NEAR(?= [?.,!]|$)|как можно (?:скорее|быстрее|раньше|UNTIL)|(?:по)?(?:быстрее|скорее)|чем (?:раньше|скорее|быстрее|UNTIL)(?: ,? ?тем лучше)?|срочно|срочненько|экстренно|прямо сейчас|прям сейчас|сейчас(?= (?:можно|подойти|подъехать|свободн\w*|есть|приехать|прийти|принять|примете))|(?:(?<=можно )|(?<=примите )|(?<=нужно )|(?<=надо )|(?<=прийти )|(?<=подъехать )|(?<=подойти ))сейчас|asap|немедленно|сразу же", _Reader.asap),
    ]  # fmt: skip
    for pattern, (start, end) in _PARTS:
        rules.append(rule(pattern, _part_builder(start, end)))
    rules += [
        rule(rf"(?:во? )?(?:промежут\w+ )?(?:с|со|между|от|~)(?: ~)? (?P<a>{_CLOCK}) (?P<how>до|UNTIL|и|по|-) (?P<b>{_CLOCK}){_NOT_UNIT}", _Reader.clock_range),
        rule(rf"(?P<approx>HOUR |HRA )?(?P<prep>во?|на|к|~) (?P<a>{_CLOCK}) (?P<how>-|или|либо) (?P<b>{_CLOCK}){_NOT_UNIT}", _Reader.clock_range),
        rule(rf"(?P<a>{_STRONG}) (?P<how>-|/|до|UNTIL|или) (?P<b>{_CLOCK}){_NOT_UNIT}", _Reader.clock_range),
        rule(rf"(?P<a>\d{{1,2}}) (?P<how>-) (?P<b>\d{{1,2}} (?:HOUR1?{_DP}|утра|дня|вечера)){_NOT_UNIT}", _Reader.clock_range),
        rule(rf"(?:где - то |где то |желательно |лучше )?(?P<rel>AFTER|не UNTIL|начиная с|UNTIL|не AFTER)(?: (?:чем|в|с|~|HOUR|HRA))* (?P<a>{_CLOCK}){_NOT_UNIT}", _Reader.after_or_before),
        rule(rf"(?P<rel>с|со) (?P<a>{_STRONG}{_DP}|\d{{1,2}} HOUR1?{_DP}|\d{{1,2}}{_DP})(?! (?:на|по|-) (?:\d|T|D|W|R))(?! (?:M\d|WEEK|числа)){_NOT_UNIT}(?: и (?:позже|дальше|AFTER|до вечера))?", _Reader.after_or_before),
        rule(rf"(?P<approx>(?:HOUR1?|HRA) (?:так )?(?:ну )?)(?:во?|к|на) (?P<a>{_CLOCK}){_NOT_UNIT}", _Reader.at_clock),
        rule(rf"(?:во?|к|на)? ?(?P<approx>~ (?:во? |к |на )?|ближе к |районе |пределах |где - то (?:во? |к |на )?|где то (?:во? |к |на )?|HRA )(?P<a>{_CLOCK}){_NOT_UNIT}", _Reader.at_clock),
        rule(rf"(?:во?|на|к|ко|часам к|HOUR к) (?P<a>\d{{1,2}} HRA{_DP}|{_CLOCK}){_NOT_UNIT}(?! (?:дней|раз|чел))", _Reader.at_clock),
        rule(rf"(?P<a>{_STRONG}{_DP}|\d{{1,2}}(?: (?:HOUR1?|HRA))? (?:утра|вечера|ночи)|\d{{1,2}} (?:HOUR1?|HRA) (?:дня|пополудни)|HOUR1 (?:дня|ночи)|[1-5] дня(?! (?:WEEK|назад)))", _Reader.at_clock),
        rule(rf"(?:(?<=W\d )|(?<=R\d )|(?<=R\d , )|(?<=W\d , )|(?<=M\d\d )|(?<=M\d )|(?<=# )|(?<=EVEN )|(?<=MORN ))(?P<a>{_BARE}(?: (?:HOUR1?|HRA))?)(?P<range> - (?P<b>{_BARE}(?: HOUR)?))?{_NOT_UNIT}(?! [а-я]*(?:зуб|лет|чел|раз|шт))", _Reader.loose_clock),
        rule(r"(?P<a>\d{1,2} HOUR)(?= (?:R\d|W\d|во W\d|в W\d|в M|\d+ M))", _Reader.at_clock),
        rule(r"(?P<a>[01]?\d|2[0-3])(?= (?:утра|вечера))", _Reader.at_clock),
    ]  # fmt: skip
    return rules


def _part_builder(start: int | None, end: int | None) -> Callable[[_Reader, re.Match[str]], Piece | None]:
    def build(reader: _Reader, found: re.Match[str]) -> Piece | None:
        left = reader.hours.opening if start is None else start
        right = reader.hours.closing if end is None else end
        if right <= left:
            left, right = start or 9 * 60, end or 21 * 60
        return Piece(*found.span(), clocks=[Clock(left, right, "part")])

    return build


class _Reader:
    """One message's symbols being read at one moment."""

    def __init__(self, line: _Line, now: datetime, hours: Hours):
        self.line, self.now, self.hours = line, now, hours
        self.today = now.date()

    # Building pieces

    def past(self, found: re.Match[str]) -> Piece:
        return Piece(*found.span(), is_past=True)

    def in_some(self, found: re.Match[str]) -> Piece | None:
        amount, unit = found.group("n"), found.group("unit")
        size = {"HALF": 0.5, "ONEHALF": 1.5, "QUARTER": 0.25}.get(amount or "1") or float(amount or 1)
        until = float(found.group("m") or size)
        if unit == "HALFHOUR":
            size = until = 0.5
        if unit in ("HOUR", "HOUR1", "HRA", "HALFHOUR", "часок", "MIN"):
            step = timedelta(minutes=1) if unit == "MIN" else timedelta(hours=1)
            start = self.now + step * size
            if until > size:
                return Piece(*found.span(), moment=Interval(start, self.now + step * until, "range"))
            approx = unit in ("HRA", "часок") or "~" in found.group() or found.group().split()[0] in ("HOUR", "MIN")
            return Piece(*found.span(), moment=Interval(start, start, "approx" if approx else "minute"))
        first, last = self._shifted(unit, size), self._shifted(unit, until)
        if first is None or last is None:
            return None
        others = [Days(first + DAY, first + 2 * DAY)] if unit == "день" and not amount else []
        grain: Grain = "day" if last == first else "range"
        return Piece(*found.span(), days=[Days(first, last + DAY, grain)], other_days=others)

    def _shifted(self, unit: str, size: float) -> date | None:
        count = int(size)
        try:
            if unit == "WEEK":
                return self.today + timedelta(days=int(7 * size))
            if unit == "MONTH":
                return _add_months(self.today, count) if size >= 1 else self.today + timedelta(days=14)
            if unit == "YEAR":
                return _add_months(self.today, 12 * count) if size >= 1 else _add_months(self.today, 6)
            return self.today + timedelta(days=count)
        except (ValueError, OverflowError):
            return None

    def weekday_in_weeks(self, found: re.Match[str]) -> Piece:
        weekday, weeks = int(found.group("wd")[1]), int(found.group("n") or 1)
        day = _monday(self.today) + timedelta(days=7 * weeks + weekday)
        return Piece(*found.span(), days=[Days(day, day + DAY)], weekday=weekday)

    def within(self, found: re.Match[str]) -> Piece | None:
        amount = found.group("n") or found.group("n2")
        unit = found.group("unit") or found.group("unit2")
        size = {"HALF": 0.5, "пол": 0.5, "ONEHALF": 1.5}.get(amount or "1") or float(amount or 1)
        if unit == "HALFHOUR":
            unit, size = "HOUR", 0.5
        if unit in ("HOUR", "HOUR1", "HRA", "MIN", "часок"):
            step = timedelta(minutes=1) if unit == "MIN" else timedelta(hours=1)
            return Piece(*found.span(), moment=Interval(self.now, self.now + step * size, "range"))
        if unit in ("день", "дня") and size == 1:
            end = self._at(self.today, self.hours.closing)
            if end <= self.now:
                return Piece(*found.span(), days=[Days(self.today + DAY, self.today + 2 * DAY)])
            return Piece(*found.span(), moment=Interval(self.now, end, "range"))
        last = self._shifted(unit, size)
        return last and Piece(*found.span(), moment=Interval(self.now, _midnight(last), "range"))

    def until_end(self, found: re.Match[str]) -> Piece:
        unit, is_next = found.group("unit"), bool(found.group("next"))
        if unit in ("дня", "рабочего дня", "EVEN"):
            return Piece(*found.span(), clocks=[Clock(None, self.hours.closing, "range")], days=None)
        if unit == "WEEK":
            last = _monday(self.today) + timedelta(days=14 if is_next else 7)
        elif unit == "MONTH":
            last = _first_of(_add_months(self.today, 2 if is_next else 1))
        elif unit == "YEAR":
            last = date(self.today.year + 1, 1, 1)
        else:
            last = _first_of(_add_months(self._month(int(unit[1:])).first, 1))
        return Piece(*found.span(), moment=Interval(self.now, _midnight(last), "range"))

    def part_of(self, found: re.Match[str]) -> Piece:
        part, which, unit = found.group("part"), (found.group("which") or "").strip(), found.group("unit")
        if unit == "WEEK":
            monday = _monday(self.today) + timedelta(days=7 if which in ("NEXT", "THAT") else 0)
            first, last = {"BEGIN": (0, 2), "MIDDLE": (2, 4), "FINISH": (3, 5)}[part]
            if monday + timedelta(days=last) <= self.today:
                monday += timedelta(days=7)
            return self._clipped(found, monday + timedelta(days=first), monday + timedelta(days=last))
        if unit == "MONTH":
            month = _first_of(_add_months(self.today, 1)) if which == "NEXT" else _first_of(self.today)
        else:
            month = self._month(int(unit[1:])).first
        first_day, last_day = {"BEGIN": (1, 10), "MIDDLE": (11, 20), "FINISH": (21, 31)}[part]
        month = _first_of(month)

        def edges(of: date) -> tuple[date, date]:
            size = calendar.monthrange(of.year, of.month)[1]
            return of.replace(day=first_day), of.replace(day=min(last_day, size)) + DAY

        start, end = edges(month)
        if end <= self.today:
            start, end = edges(_add_months(month, 1 if unit == "MONTH" else 12))
        return self._clipped(found, start, end)

    def _clipped(self, found: re.Match[str], first: date, last: date, grain: Grain = "range") -> Piece:
        return Piece(*found.span(), days=[Days(max(first, self.today), last, grain)])

    def week_or_month(self, found: re.Match[str]) -> Piece | None:
        groups = found.groupdict()
        which, unit = groups.get("which") or groups.get("which2"), groups.get("unit") or groups.get("unit2")
        if unit == "MONTH":
            if which == "THIS":
                return self._clipped(found, _first_of(self.today), _first_of(_add_months(self.today, 1)), "month")
            first = _first_of(_add_months(self.today, 1))
            return Piece(*found.span(), days=[Days(first, _first_of(_add_months(first, 1)), "month")])
        monday = _monday(self.today)
        if which == "THROUGH":
            return None
        if which in ("THIS", "NEAR"):
            if which == "NEAR" and self.today.weekday() >= 5:
                monday += timedelta(days=7)
            return self._clipped(found, monday, monday + timedelta(days=7), "week")
        week = Days(monday + timedelta(days=7), monday + timedelta(days=14), "week")
        others = [] if which == "NEXT" else [Days(self.today, monday + timedelta(days=7), "week")]
        return Piece(*found.span(), days=[week], other_days=others)

    def in_month(self, found: re.Match[str]) -> Piece:
        month = self._month(int(found.group("month")[1:]))
        return Piece(*found.span(), days=[month])

    def edge_of_month(self, found: re.Match[str]) -> Piece:
        """The first or the last five days of a month."""
        unit = found.group("unit")
        month = _first_of(self.today) if unit == "MONTH" else _first_of(self._month(int(unit[1:])).first)
        if unit == "MONTH" and (found.group("which") or found.group("edge") == "первых"):
            month = _first_of(_add_months(month, 1))
        size = calendar.monthrange(month.year, month.month)[1]
        first, last = (1, 5) if found.group("edge") == "первых" else (size - 4, size)
        return self._clipped(found, month.replace(day=first), month.replace(day=last) + DAY)

    def _month(self, number: int) -> Days:
        """The running or the next month of that number."""
        year = self.today.year + (number < self.today.month)
        first = date(year, number, 1)
        return Days(max(first, self.today), _first_of(_add_months(first, 1)), "month")

    def dates_of_month(self, found: re.Match[str]) -> Piece | None:
        groups = found.groupdict()
        start, end = int(groups["a"]), int(groups["b"])
        month = groups.get("m2") or (groups.get("month") or "")[1:]
        year = _year(groups.get("year"))
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

    def day_month(self, found: re.Match[str]) -> Piece | None:
        groups = found.groupdict()
        day, month = int(groups["day"]), int(groups.get("mm") or groups["month"][1:])
        year = _year(groups.get("year"))
        when = self._dated(day, month, year)
        if when is None:
            return None
        if year and when < self.today:
            return Piece(*found.span(), is_past=True)
        others = []
        if not year and (when - self.today).days > FAR_DAYS and (sooner := self._numbered(day)):
            others.append(Days(sooner, sooner + DAY))
        return self._with_relation(found, when, others, day_of_month=day)

    def ordinal(self, found: re.Match[str]) -> Piece | None:
        day = next(int(value) for key, value in found.groupdict().items() if key.startswith("day") and value)
        when = self._numbered(day)
        return when and self._with_relation(found, when, [], day_of_month=day)

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
        month = _first_of(self.today)
        for _ in range(4):
            if day <= calendar.monthrange(month.year, month.month)[1] and month.replace(day=day) >= self.today:
                return month.replace(day=day)
            month = _first_of(_add_months(month, 1))
        return None

    def _with_relation(self, found: re.Match[str], when: date, others: list[Days], **extra: int) -> Piece:
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
            is_from = relation in ("с", "со")
            return Piece(*found.span(), days=[Days(*stretch, "range")], from_day=is_from, **extra)
        return Piece(*found.span(), days=[Days(when, when + DAY)], other_days=others, **extra)

    def on_weekday(self, found: re.Match[str]) -> Piece:
        groups = found.groupdict()
        weekday, which = int(groups["wd"]), (groups.get("which") or "").strip()
        if which == "LAST":
            return Piece(*found.span(), is_past=True)
        nearest = self.today + timedelta(days=(weekday - self.today.weekday()) % 7)
        strictly_next = nearest if nearest > self.today else nearest + timedelta(days=7)
        others: list[Days] = []
        when = strictly_next
        if which in ("THIS", "NEAR"):
            when = nearest
        elif which in ("NEXT", "THAT"):
            when = _monday(self.today) + timedelta(days=7 + weekday)
            if strictly_next != when:
                others = [Days(strictly_next, strictly_next + DAY)]
            else:
                others = [Days(when + timedelta(days=7), when + timedelta(days=8))]
        elif nearest == self.today and "WS" not in found.group():
            others = [Days(nearest, nearest + DAY)]
        return self._with_relation(found, when, others, weekday=weekday)

    def weekend(self, found: re.Match[str]) -> Piece:
        which, what = (found.group("which") or "").strip(), found.group("what")
        if which == "LAST":
            return Piece(*found.span(), is_past=True)
        monday = _monday(self.today)
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
        return self._clipped(found, first, last)

    def any_day(self, found: re.Match[str]) -> Piece:
        return Piece(*found.span(), days=[Days(self.today, self.today + timedelta(days=HORIZON_DAYS), "range")])

    def relative_day(self, found: re.Match[str]) -> Piece:
        when = self.today + timedelta(days=int(found.group("n")))
        return self._with_relation(found, when, [])

    def holiday(self, found: re.Match[str]) -> Piece | None:
        relation, year = found.group("rel"), self.today.year
        new_year = found.group("ny") or "новогод" in found.group() or "рождеств" in found.group()
        blocks = [
            (date(y, *a), date(z, *b))
            for y in (year - 1, year, year + 1)
            for a, z, b in (
                ((12, 31), y + 1, (1, 9)), ((2, 23), y, (2, 24)), ((3, 8), y, (3, 9)), ((5, 1), y, (5, 2)), ((5, 9), y, (5, 10)),
                ((6, 12), y, (6, 13)), ((11, 4), y, (11, 5)),
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
        if relation in ("на", "в"):
            return self._clipped(found, max(first, self.today), last)
        return Piece(*found.span(), days=[Days(start, max(first, start + DAY), "range")])

    def coming_days(self, found: re.Match[str]) -> Piece:
        count = int(found.groupdict().get("n") or 3)
        return Piece(*found.span(), days=[Days(self.today, self.today + timedelta(days=count), "range")])

    def asap(self, found: re.Match[str]) -> Piece:
        return Piece(*found.span(), moment=Interval(self.now, None, "asap"))

    # Clocks

    def clock_range(self, found: re.Match[str]) -> Piece | None:
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
        if found.group("how") in ("или", "либо"):
            return Piece(*found.span(), clocks=[start, end])
        begin, finish = start.start or 0, end.start or 0
        if part == "вечера" and begin >= finish and (alone := self._clock(first)):
            begin = alone.start or 0
        if end.bare_hour and finish <= begin and finish + 720 > begin and finish + 720 <= MIDNIGHT:
            finish += 720
        if start.bare_hour and begin >= finish and begin - 720 >= 0 and begin - 720 < finish:
            begin -= 720
        both_bare = start.bare_hour and end.bare_hour
        if both_bare and finish > self.hours.closing and finish - 720 > self.hours.opening and begin >= 720:
            begin, finish = begin - 720, finish - 720
        if begin >= finish:
            return None
        return Piece(*found.span(), clocks=[Clock(begin, finish, "range")])

    def after_or_before(self, found: re.Match[str]) -> Piece | None:
        clock = self._clock(found.group("a"))
        if clock is None or clock.start is None:
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
        words = found.group("a")
        if found.group().startswith("на ") and re.fullmatch(r"\d{1,2} HOUR1?|HOUR1", words):
            before = self.line.symbols[: found.start()].split()
            if before and not re.match(r"запи|можно|W\d|R\d|D|M\d|[#,]|\d", before[-1]):
                return None  # "массаж на 2 часа" is how long, not when
        clock = self._clock(words)
        if clock is None:
            return None
        if found.groupdict().get("approx") or " HRA" in words:
            clock = replace(clock, grain="approx")
        return Piece(*found.span(), clocks=[clock])

    def loose_clock(self, found: re.Match[str]) -> Piece | None:
        start = self._clock(found.group("a"))
        if start is None or not found.group("range"):
            return start and Piece(*found.span(), clocks=[start])
        return self.clock_range(_Fake(found, how="-"))

    def _clock(self, words: str) -> Clock | None:
        """One clock phrase as a point of the day; None when the numbers are no time."""
        part = next((w for w in ("утра", "дня", "вечера", "ночи", "полудня", "пополудни") if words.endswith(w)), None)
        core = words[: -len(part)].strip() if part else words
        if core == "NOON":
            return Clock(720, 720, "minute")
        if core == "MIDNIGHT":
            return Clock(MIDNIGHT, MIDNIGHT, "minute", others=(0,))
        numbers = [int(number) for number in re.findall(r"\d+", core)]
        literal = core.startswith("T0")
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
            night = MIDNIGHT if hour == 12 else point + 720
            return Clock(night, night, "minute", others=(0,) if hour == 12 else ())
        if hour <= 12 and ((part in ("дня", "полудня", "пополудни") and hour < 8) or (part == "вечера" and hour != 12)):
            point += 720
        if part == "вечера" and hour == 12:
            return Clock(MIDNIGHT, MIDNIGHT, "minute", others=(0,))
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

    # From pieces to slots

    def slots(self) -> tuple[DateTimeSlot, ...]:
        pieces = self._without_the_unwished(self._pieces())
        pieces = _with_ranges(self, pieces)
        pieces = self._without_old_times(pieces)
        wishes = self._grouped([piece for piece in pieces if not piece.is_excluded])
        if any(wish.moment is None or wish.moment.grain != "asap" for wish in wishes):
            wishes = [wish for wish in wishes if wish.moment is None or wish.moment.grain != "asap"]
        excluded = [piece for piece in pieces if piece.is_excluded]
        if excluded and not wishes:
            wishes = [
                Piece(
                    excluded[0].start,
                    excluded[0].start,
                    days=[Days(self.today, self.today + timedelta(days=7), "range")],
                )
            ]
        found = []
        for index, wish in enumerate(wishes):
            slot = self._resolved(wish, excluded if index == 0 else [])
            if slot and slot.text and slot not in found:
                found.append(slot)
        return tuple(found)

    def _pieces(self) -> list[Piece]:
        """All phrases of the grammar, the leftmost and longest first, none overlapping."""
        found: list[tuple[int, int, int, Piece]] = []
        for order, (pattern, build) in enumerate(_grammar()):
            for match in pattern.finditer(self.line.symbols):
                piece = build(self, match)
                if piece is not None:
                    found.append((piece.start, -piece.end, order, piece))
        pieces: list[Piece] = []
        for _, _, _, piece in sorted(found, key=lambda item: item[:3]):
            if not pieces or piece.start >= pieces[-1].end:
                pieces.append(piece)
        return pieces

    def _without_the_unwished(self, pieces: list[Piece]) -> list[Piece]:
        """Drop the past, questions about opening hours and terms of promotions; mark what the client rules out."""
        kept = []
        symbols = self.line.symbols
        for index, piece in enumerate(pieces):
            before = re.split(r" [.!?;] | , (?=а |но |хоч|мож|запи)", symbols[: piece.start])[-1]
            after = re.split(r" [.!?;,](?: |$)", symbols[piece.end :])[0]
            clause = f"{before} {after}"
            asks_hours = _context("hours_question").search(clause) and not _context("booking").search(clause)
            is_promo = _context("promo_words").search(clause) and not _context("wish_verbs").search(clause)
            is_past = _tells_past(before) or (_tells_past(after) and not _context("wish_verbs").search(before))
            wished = _context("wish_verbs").search(before[before.rfind(" , ") :] if " , " in before else before)
            if piece.is_past or asks_hours or is_promo or (is_past and not wished and piece.moment is None):
                continue
            if re.search(
                r"(?:кроме|только не|но не|лишь бы не|исключая|за исключением)(?: (?:THIS|в|во|на))*$", before.strip()
            ):
                piece.is_excluded = True
            elif re.search(r"(?:^|\s)не(?: (?:в|во|на))*$", before.strip()) and index + 1 == len(pieces):
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
        if any(_intersected(self, a, b) for a, b in zip(days, days[1:], strict=False)):
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
            met = _intersected(self, group, piece) if is_near or len(gap.split()) <= 2 else None
            if met is not None:
                return self._joined(group, piece, days=met.days, other_days=met.other_days, weekday=met.weekday)
            if group.clocks is None and (is_list or re.search(r"(?:или|либо)(?: \S+){0,3} ?$", gap)):
                return self._joined(
                    group, piece, days=group.days + piece.days, other_days=[*group.other_days, *piece.other_days]
                )
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

    def _joined(self, first: Piece, second: Piece, **changes: object) -> Piece:
        gap = self.line.symbols[first.end : second.start]
        spans = list(first.where())
        if re.fullmatch(_LINK, gap) and not re.search("лучше|можно|желательно|примерно|где", gap):
            spans[-1] = (spans[-1][0], second.end)
        else:
            spans += second.where()
        base = replace(first, end=second.end, spans=spans)
        for name in ("days", "other_days", "clocks", "weekday"):
            if not changes.get(name) and not getattr(base, name):
                changes[name] = getattr(second, name)
        return replace(base, **changes)  # type: ignore[arg-type]

    # Resolving one wish

    def _resolved(self, wish: Piece, excluded: list[Piece]) -> DateTimeSlot | None:
        spans = [*wish.where(), *[span for piece in excluded for span in self._with_exclusion_words(piece)]]
        text = self._words_of(spans)
        if wish.moment is not None:
            moment = wish.moment
            return DateTimeSlot(text, moment.start, moment.end, moment.grain, approx=moment.grain == "approx")
        windows = [window for days, clocks in wish.earlier for window in self._windows(days, clocks)]
        windows += self._windows(wish.days, wish.clocks or (wish.earlier[-1][1] if wish.earlier else None))
        windows.sort(key=lambda window: window.start)
        if not windows:
            return None
        alternatives: list[Interval] = []
        for other in wish.other_days:
            alternatives += self._windows([other], wish.clocks)
        for clock in wish.clocks or ():
            for reading in clock.others:
                alternatives += self._windows(wish.days, [Clock(reading, reading, clock.grain)])
        ruled_out = [
            window
            for piece in excluded
            for window in self._windows(self._every(piece, until=windows[-1]), piece.clocks)
        ]
        if not any(_meet(window, out) for window in windows for out in ruled_out):
            ruled_out, excluded = [], []  # "в пятницу не могу, давайте в субботу": nothing is left to rule out
            text = self._words_of(wish.where())
        windows = [window for window in windows if not _ruled_out(window, ruled_out)] or windows
        hull = windows[0] if len(windows) == 1 else _hull(windows, wish)
        for clock in wish.clocks or ():
            if (
                wish.days
                and clock.start == clock.end
                and hull.start == hull.end
                and hull.start.date() > wish.days[-1].last - DAY
            ):
                moved = self._at(wish.days[0].first, ((clock.start or 0) + 720) % MIDNIGHT)
                alternatives.append(Interval(moved, moved, clock.grain))  # the hour named is over today
        seen = {(hull.start, hull.end)}
        fresh = []
        for other in alternatives:
            if (other.start, other.end) not in seen and (other.end or other.start) >= self.now:
                seen.add((other.start, other.end))
                fresh.append(other)
        return DateTimeSlot(
            text,
            hull.start,
            hull.end,
            hull.grain,
            windows=tuple(windows) if len(windows) > 1 else (),
            exclude=tuple(ruled_out),
            alternatives=tuple(fresh[:4]),
            approx=hull.grain == "approx",
        )

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
                (Interval(_midnight(d.first), _midnight(d.last), d.grain) for d in days or ()), key=lambda i: i.start
            )
        if days is None:
            return [self._soonest(clock) for clock in clocks]
        found = []
        for span in days:
            for offset in range(min((span.last - span.first).days, 45)):
                for clock in clocks:
                    window = self._on_day(span.first + offset * DAY, clock)
                    if window is not None:
                        found.append(window)
        return sorted(dict.fromkeys(found), key=lambda window: window.start)

    def _on_day(self, day: date, clock: Clock) -> Interval | None:
        """The clock on that day, cut to the future; None when it is over (today's points move to their later reading)."""
        start = self._at(day, self.hours.opening if clock.start is None else clock.start)
        end = self._at(day, self.hours.closing if clock.end is None else clock.end)
        if clock.start == clock.end:
            if start < self.now and day == self.today:
                later = [r for r in (*clock.others, (clock.start or 0) + 720) if self._at(day, r) >= self.now]
                if clock.bare_hour and later and later[0] <= self.hours.closing:
                    start = self._at(day, later[0])
                else:
                    start = self._at(day + DAY, clock.start or 0)
            return Interval(start, start, clock.grain)
        if end <= self.now:
            return None if day > self.today or clock.grain != "part" else self._on_day(day + DAY, clock)
        return Interval(max(start, self.now), end, clock.grain)

    def _soonest(self, clock: Clock) -> Interval:
        """A clock with no day: today when it is still ahead, else tomorrow."""
        start = self._at(self.today, self.hours.opening if clock.start is None else clock.start)
        end = self._at(self.today, self.hours.closing if clock.end is None else clock.end)
        if start == end:
            if start >= self.now:
                return Interval(start, start, clock.grain)
            return Interval(start + DAY, start + DAY, clock.grain)
        if end <= self.now:
            return Interval(start + DAY, end + DAY, clock.grain)
        return Interval(max(start, self.now), end, clock.grain)

    def _at(self, day: date, minute: int) -> datetime:
        return _midnight(day) + timedelta(minutes=minute)

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
        texts = []
        for start, end in sorted(span for span in spans if span[1] > span[0]):
            found = re.match(
                r"(?:на |к )(?=R\d|\d{1,2}#|D\d|\d{1,2}[#@]? (?:M\d|числ)|(?:(?:THIS|NEXT|NEAR|THAT) )?W\d)",
                symbols[start:end],
            )
            shift = found.end() if found else 0
            texts.append(self.line.own_words(start + shift, end))
        return " ".join(texts)


_TURN = re.compile(
    r"(?<!\S)(?:перен\w*|перезап\w*|перепиш\w*|сдвин\w*|передвин\w*|поменя\w*|можно|хочу|хотел\w*|лучше|давайте|а на|получится)"
    r"(?!\S)"
)


class _Fake:
    """A match with one group set by hand."""

    def __init__(self, found: re.Match[str], **groups: str):
        self._found, self._groups = found, groups

    def group(self, name: str | int = 0) -> str:
        return self._groups.get(name) or self._found.group(name)  # type: ignore[call-overload]

    def span(self) -> tuple[int, int]:
        return self._found.span()


_LINK = r"(?:[\s,/.()-]|или|либо|и|в|во|на|к|где|то|примерно|лучше|желательно|можно|~|ну|а|HRA|а именно|с|числа|это)*"


_STILL_AHEAD = frozenset(
    "хотеть захотеть хотеться мочь смочь записать записаться думать планировать решить собираться освободиться назначить "
    "договориться передумать подсказать забронировать выбрать перенести отменить заболеть простыть уехать улететь".split()
)


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


def _with_ranges(reader: _Reader, pieces: list[Piece]) -> list[Piece]:
    """Join two days that stand as a range: "пн-ср", "с понедельника по среду", "25.11 - 28.11"."""
    symbols = reader.line.symbols
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


def _intersected(reader: _Reader, first: Piece, second: Piece) -> Piece | None:
    """Two day phrases about the same day ("в пятницу 27 ноября", "на следующей неделе в среду"), else None."""
    if not (first.days and second.days and len(first.days) == len(second.days) == 1):
        return None
    for narrow, wide in ((first, second), (second, first)):
        span, frame = narrow.days[0], wide.days[0]  # type: ignore[index]
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
            if (window.start or 0) <= reading <= (window.end or MIDNIGHT):
                return [replace(other, start=reading, end=reading, others=(), bare_hour=None)]
        if window.grain == "part" and other.bare_hour:
            morning = (window.start or 0) < 720
            point = (other.bare_hour % 12) * 60 + (0 if morning else 720) + (other.start or 0) % 60
            return [replace(other, start=point, end=point, others=(), bare_hour=None)]
        return None
    start, end = max(window.start or 0, other.start or 0), min(window.end or MIDNIGHT, other.end or MIDNIGHT)
    if start >= end:
        return None
    return [Clock(start, end, "range" if "range" in (window.grain, other.grain) else "part")]


def _joins(symbols: str, first: Piece, second: Piece) -> bool:
    return re.fullmatch(_LINK, symbols[first.end : second.start]) is not None


def _hull(windows: list[Interval], wish: Piece) -> Interval:
    end = max(window.end or window.start for window in windows)
    start = windows[0].start
    grain: Grain = "range"
    return Interval(start, end, grain)


def _meet(window: Interval, out: Interval) -> bool:
    return out.start < (window.end or out.start + DAY) and window.start < (out.end or window.start + DAY)


def _ruled_out(window: Interval, excluded: list[Interval]) -> bool:
    return any(
        out.end is not None and out.start <= window.start and (window.end or window.start) <= out.end
        for out in excluded
    )


# Calendar arithmetic


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time())


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def _first_of(day: date) -> date:
    return day.replace(day=1)


def _add_months(day: date, count: int) -> date:
    """The same day `count` months on, or the month's last day when it has no such day."""
    month = day.month - 1 + count
    year, month = day.year + month // 12, month % 12 + 1
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def _year(written: str | None) -> int | None:
    if not written:
        return None
    return int(written) + (2000 if len(written) == 2 else 0)
