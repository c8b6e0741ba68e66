"""Which of the offered things a short reply means, and how a new wish joins the one before. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from functools import lru_cache
from itertools import combinations

from assistant import cues, words
from assistant.desk import Booked, Opening, StaffInfo
from assistant.understanding import DateTimeSlot, Interval, ServiceInfo

APPROXIMATELY = timedelta(minutes=30)
ORDINALS = {"перв": 0, "втор": 1, "трет": 2, "четверт": 3, "пят": 4}
ORDINAL = re.compile(r"^(перв|втор|трет|четверт|пят)(ый|ая|ое|ого|ому|ую|ой|ом|ий|ья|ье|ьего|ьему|ью|ьей|ые|ые)$")
DIGIT = re.compile(r"^([1-9])(й|е|ое|ый|ой|я|ая)?$")
FILLERS = cues.bag(
    "ладно ну а уж же таки все-таки давайте давай хочу можно пожалуйста вариант вариантом номер на тогда лучше "
    "беру выбираю запишите запиши меня мне время окно окошко подойдет подходит устраивает да ок хорошо "
    "записывайте пусть будет спасибо вот это этот эту под бы и нас го"
)
CLOCK = re.compile(r"(?<![\d:.])([01]?\d|2[0-3])[:.\-]([0-5]\d)(?![\d:.])")
HOUR = re.compile(
    r"\b(?:на|в|во|к)\s+([01]?\d|2[0-3])(?![\d:.\-]|-?(?:е|го|ое)\b)(?:\s*(час\w*|утра|дня|вечера))?|\b(\d{1,2})\s*(час\w*|утра|дня|вечера)"
)
HOUR_WORDS = {"час": 1, "два": 2, "три": 3, "четыре": 4, "пять": 5, "шесть": 6, "семь": 7, "восемь": 8, "девять": 9}
HOUR_WORDS |= {"десять": 10, "одиннадцать": 11, "двенадцать": 12}
HOUR_WORD = re.compile(rf"\b(?:на|в|к)\s+({'|'.join(HOUR_WORDS)})\b")
DAY_WORDS = re.compile(
    r"сегодня|завтра|понедельник\w*|вторник\w*|\bсред[уаыео]\w*|четверг\w*|пятниц\w*|суббот\w*|воскресень\w*|\b(пн|вт|ср|чт|пт|сб|вс|птн|чтв)\b"
    r"|\bчисл\w*|январ\w*|феврал\w*|\bмарт\w*|апрел\w*|\bма[яею]\b|июн\w*|июл\w*|август\w*|сентябр\w*|октябр\w*|ноябр\w*|декабр\w*"
    r"|недел\w*|месяц\w*|выходн\w*|будн\w*|\bчерез\b|\bдня(м|х)?\b.*\bназад|\d{1,2}\s*-?(го|е)\b|\d{1,2}[./]\d{1,2}[./]\d{2,4}"
    r"|segodnya|zavtra|\bden\b|праздник\w*|\bдней\b"
)
ENDINGS = cues.bag("а я у ю е и ы о ой ей ою ею ом ем ь й ью ии ию ия ев ов ову еву")
FLEETING = {"павел": "павл", "лев": "льв"}
SHORT_NAMES = {
    "оля": "ольга", "лена": "елена", "катя": "екатерина", "саша": "александр", "маша": "мария", "наташа": "наталья",
    "таня": "татьяна", "ира": "ирина", "света": "светлана", "юля": "юлия", "настя": "анастасия", "аня": "анна",
    "даша": "дарья", "ксюша": "ксения", "люда": "людмила", "галя": "галина", "надя": "надежда", "люба": "любовь",
    "вика": "виктория", "лиза": "елизавета", "соня": "софья", "женя": "евгени", "дима": "дмитрий",
    "леша": "алексей", "сережа": "сергей", "миша": "михаил", "коля": "николай", "вова": "владимир", "паша": "павел",
    "костя": "константин", "макс": "максим", "рома": "роман", "ваня": "иван", "боря": "борис",
    "толя": "анатолий", "гриша": "григорий", "стас": "станислав", "слава": "вячеслав", "влад": "владислав",
    "лера": "валерия", "гуля": "гульнара", 
}  # fmt: skip
TOGETHER = {"вмест", "компл"}  # stems that a line for both may hold besides
STAFF_LEAD = r"(?:к|ко|у|мастер\w*|врач\w*|доктор\w*|специалист\w*|барбер\w*|косметолог\w*|массажист\w*)"


def numbered_choice(text: str, count: int) -> int | None:
    """The index in «2», «второе», «давайте вариант 2», «последнее»; None when the reply is something else as well."""
    rest = [word for word in cues.tokens(text) if word not in FILLERS]
    if len(rest) != 1:
        return None
    word = rest[0]
    if ordinal := ORDINAL.match(word):
        index = ORDINALS[ordinal[1]]
    elif digit := DIGIT.match(word):
        index = int(digit[1]) - 1
    elif word.startswith("последн"):
        index = count - 1
    else:
        return None
    return index if index < count else None


def labelled(text: str, labels: Sequence[str]) -> int | None:
    """The index of the very label that was tapped or typed; None when it is none of them."""
    wanted = cues.plain(text)
    return next((index for index, label in enumerate(labels) if cues.plain(label) == wanted), None)


def openings_meant(
    text: str, offered: Sequence[Opening], slot: DateTimeSlot | None, *, local: Callable[[datetime], datetime]
) -> list[Opening]:
    """The offered openings that a reply allows: one is a choice, several need a question, none: it chooses nothing.

    `local` turns an opening's start into naive local time; `slot` is what the message said of time, if anything."""
    starts = [local(opening.start) for opening in offered]
    index = labelled(text, [words.label(start) for start in starts])
    said = clock_said(text)
    if index is None and not any(hours_match(said, start) for start in starts):
        index = numbered_choice(text, len(offered))
    if index is not None:
        return [offered[index]]
    left = list(zip(offered, starts, strict=True))
    filtered = False
    if said:
        filtered = True
        left = [(opening, start) for opening, start in left if hours_match(said, start)]
    if slot and (not said or DAY_WORDS.search(cues.plain(slot.text))):
        filtered = True
        by_clock = not said
        left = [(opening, start) for opening, start in left if _inside(slot, start, by_clock=by_clock)]
    staff = _names_in(text, {opening.staff_id: opening.staff_name for opening in offered})
    if staff:
        filtered = True
        left = [(opening, start) for opening, start in left if opening.staff_id in staff]
    if not filtered and re.search(r"\bближайш\w*|\bсам\w+\s+ранн\w+", cues.plain(text)):
        return [min(offered, key=lambda opening: opening.start)] if offered else []
    if not filtered and cues.any_will_do(text):
        return list(offered[:1])
    return [opening for opening, _ in left] if filtered else []


def clock_said(text: str) -> tuple[int, int | None] | None:
    """The hour and minute that a reply names; minute None: only an hour was said, which may be of the afternoon."""
    said = cues.plain(text)
    if exact := CLOCK.search(said):
        return int(exact[1]), int(exact[2])
    if hour := HOUR.search(said):
        number = int(hour[1] or hour[3])
        part = hour[2] or hour[4] or ""
        if part in ("дня", "вечера") and number < 12:
            return number + 12, 0
        return (number, 0) if part == "утра" else (number, None)
    if word := HOUR_WORD.search(said):
        return HOUR_WORDS[word[1]], None
    rest = [word for word in cues.tokens(text) if word not in FILLERS]
    if len(rest) == 1 and re.fullmatch(r"1\d|2[0-3]", rest[0]):
        return int(rest[0]), None
    return None


def hours_match(said: tuple[int, int | None] | None, start: datetime) -> bool:
    """Whether an opening begins at the said time; «3:00» and «на 3» mean 15:00 too."""
    if said is None:
        return False
    hour, minute = said
    return start.minute == (minute or 0) and start.hour in ({hour, hour + 12} if hour < 9 else {hour})


def join_wishes(new: DateTimeSlot, old: DateTimeSlot | None, offered: Sequence[datetime]) -> tuple[DateTimeSlot, str]:
    """The wish after a new one was said, and the time of day ("15:00" or "") to stay near to.

    «в субботу» and then «после обеда» is Saturday afternoon; «завтра в 15» and then «лучше в субботу» is Saturday
    near 15:00. `offered`: local starts on the table, whose day a bare hour belongs to."""
    names_day = bool(DAY_WORDS.search(new.text.casefold().replace("ё", "е")))
    if within_day(new) and not names_day:
        days = {start.date() for start in offered}
        if old and old.end and not within_day(old) and old.end - old.start > timedelta(days=1):
            return _on_each_day(new, old), ""
        if len(days) == 1:
            return _shifted(new, days.pop()), ""
        if old and old.end and old.end - old.start <= timedelta(days=1):
            return _shifted(new, old.start.date()), ""
        return new, ""
    if old and within_day(old) and not within_day(new) and new.grain == "day":
        return new, words.clock(old.start)
    return new, ""


def within_day(slot: DateTimeSlot | Interval) -> bool:
    """Whether the time of day matters: a clock or a part of a day, not whole days."""
    if slot.grain in ("minute", "approx", "part"):
        return True
    if slot.grain != "range" or slot.end is None:
        return False
    return (slot.end - timedelta(seconds=1)).date() == slot.start.date()


def staff_meant(text: str, staff: Sequence[StaffInfo], *, bare: bool) -> tuple[list[int], list[int]]:
    """Who is wanted and who is not: «к Ольге» -> ([Ольга], []), «не Анна, а Ольга» -> ([Ольга], [Анна]).

    `bare`: a name alone counts too (it answers an offer); elsewhere it may be the client's own."""
    said = cues.plain(text)
    wanted: list[int] = []
    refused: list[int] = []
    for person in staff:
        for found in re.finditer(r"[а-яa-z]+", said):
            if not same_name(found[0], person.name):
                continue
            before = said[: found.start()].rstrip()
            lead = re.search(rf"\b{STAFF_LEAD}$", before)
            if re.search(rf"\bне(\s+{STAFF_LEAD})?$", before):
                refused.append(person.id)
            elif lead or re.search(r"\bне\b.*[, ]а(\s+к|\s+у)?$", before) or (bare and len(said.split()) <= 3):
                wanted.append(person.id)
    return list(dict.fromkeys(wanted)), list(dict.fromkeys(refused))


def described(text: str, labels: Sequence[str]) -> int | None:
    """The index of the one label that shares most words with the text: «к старшей», «которая в Сипайлово»."""
    stems = {_stem(word) for word in cues.tokens(text) if len(word) > 2}
    shared = [len(stems & {_stem(word) for word in cues.tokens(label)}) for label in labels]
    best = max(shared, default=0)
    return shared.index(best) if best and shared.count(best) == 1 else None


def services_named(text: str, services: Sequence[ServiceInfo]) -> list[ServiceInfo]:
    """The lines of the price list that share most word stems with the text; none in common: an empty list."""
    stems = {_stem(word) for word in cues.tokens(text) if len(word) > 2}
    scored = []
    for service in services:
        if shared := len(stems & _stems_of(service)):
            scored.append((shared, service))
    best = max((shared for shared, _ in scored), default=0)
    return [service for shared, service in scored if shared == best]


def combined(ids: Sequence[int], services: Sequence[ServiceInfo]) -> list[int]:
    """The same services, two of them told by the line of the price list that holds both where that is no dearer."""
    by_id = {service.id: service for service in services}
    chosen = [by_id[each] for each in ids if each in by_id]
    for first, second in combinations(chosen, 2):
        for line in services:
            if line.price_kopecks <= first.price_kopecks + second.price_kopecks and _holds_both(line, first, second):
                return combined(
                    [line.id if each.id == first.id else each.id for each in chosen if each != second], services
                )
    return list(ids)


@lru_cache(maxsize=4096)
def _holds_both(line: ServiceInfo, first: ServiceInfo, second: ServiceInfo) -> bool:
    if line in (first, second):
        return False
    for name in (line.name, *line.synonyms):
        parts = [part for part in re.split(r"\s+и\s+|\s*\+\s*", cues.plain(name)) if part]
        if len(parts) == 2 and any(
            _is_called(one, parts[0]) and _is_called(other, parts[1])
            for one, other in ((first, second), (second, first))
        ):
            return True
    return False


def _is_called(service: ServiceInfo, words_: str) -> bool:
    wanted = {_stem(word) for word in cues.tokens(words_)} - TOGETHER
    return any(wanted == {_stem(word) for word in cues.tokens(name)} for name in (service.name, *service.synonyms))


def fitting(service: ServiceInfo, services: Sequence[ServiceInfo], *, is_male: bool, is_child: bool) -> ServiceInfo:
    """The line for such a guest: «Женская стрижка» -> «Мужская стрижка»; the same where the list has no such line."""
    wanted = "детск" if is_child else "мужск" if is_male else "женск"
    bare = _without_person(service)
    alike = [each for each in services if _without_person(each) == bare and wanted in each.name.casefold()]
    return alike[0] if alike else service


def _without_person(service: ServiceInfo) -> frozenset[str]:
    stems = (word for word in cues.tokens(service.name) if not word.startswith(("мужск", "женск", "детск")))
    return frozenset(_stem(word) for word in stems)


def services_called(text: str, services: Sequence[ServiceInfo]) -> list[ServiceInfo]:
    """The lines that hold every word of the text; «перманент губ» is not «верхняя губа»."""
    stems = {_stem(word) for word in cues.tokens(text) if len(word) > 2}
    named = services_named(text, services)
    return [service for service in named if stems <= _stems_of(service)]


def akin(services: Sequence[ServiceInfo], others: Sequence[ServiceInfo]) -> list[ServiceInfo]:
    """Those that share a word of the name with one of the others: «мужская» after «женская стрижка»."""
    spoken_of = {stem for other in others for stem in _without_person(other)}
    return [service for service in services if _without_person(service) & spoken_of]


@lru_cache(maxsize=4096)
def _stems_of(service: ServiceInfo) -> frozenset[str]:
    told = (service.name, service.category, *service.synonyms)
    return frozenset(_stem(word) for part in told for word in cues.tokens(part))


def appointments_meant(
    text: str, booked: Sequence[Booked], slot: DateTimeSlot | None, service_ids: Sequence[int], *, local: Callable
) -> list[Booked]:
    """Which of the client's appointments a message speaks of; all of them when it names no day and no service."""
    left = list(booked)
    if slot and not slot.alternatives:
        left = [each for each in left if _inside(slot, local(each.start), by_clock=slot.grain == "minute")] or []
    elif slot:
        readings = (Interval(slot.start, slot.end, slot.grain), *slot.alternatives)
        left = [each for each in left if any(_same_day(reading, local(each.start)) for reading in readings)]
    if service_ids:
        left = [each for each in left if set(service_ids) & set(each.service_ids)]
    return left


def spread(
    openings: Sequence[Opening], *, near: datetime | None = None, evenly: bool = False, size: int = 3
) -> list[Opening]:
    """A few of many openings worth offering, in order of time.

    The ones nearest to `near`; or evenly over the whole; or the soonest, an hour apart where there are enough."""
    if len(openings) <= size:
        return list(openings)
    if near is not None:
        nearest = sorted(openings, key=lambda opening: abs(opening.start - near))[:size]
        return sorted(nearest, key=lambda opening: opening.start)
    if evenly:
        return [openings[index * (len(openings) - 1) // (size - 1)] for index in range(size)]
    picked = [openings[0]]
    for opening in openings[1:]:
        if len(picked) < size and opening.start - picked[-1].start >= timedelta(hours=1):
            picked.append(opening)
    rest = [opening for opening in openings if opening not in picked]
    return sorted(picked + rest[: size - len(picked)], key=lambda opening: opening.start)


def ruled_out(text: str, slot: DateTimeSlot) -> bool:
    """«только не завтра»: the time is named to be avoided."""
    said, named = cues.plain(text), cues.plain(slot.text)
    return bool(re.search(rf"\bне\s+(?:(?:в|во|на)\s+)?{re.escape(named)}", said)) if named else False


def whole_days(slot: DateTimeSlot) -> DateTimeSlot:
    """The same day or days without the time of day."""
    last = slot.end - timedelta(seconds=1) if slot.end and slot.end > slot.start else slot.start
    start = datetime.combine(slot.start.date(), time())
    end = datetime.combine(last.date() + timedelta(days=1), time())
    return DateTimeSlot(text=slot.text, start=start, end=end, grain="day", exclude=slot.exclude)


def span(start: datetime, end: datetime, *, exclude: tuple[Interval, ...] = ()) -> DateTimeSlot:
    """Any time in [start, end), naive local."""
    return DateTimeSlot(text="", start=start, end=end, grain="range", exclude=exclude)


def point(start: datetime) -> DateTimeSlot:
    """That very time, naive local."""
    return DateTimeSlot(text="", start=start, end=start, grain="minute")


def _inside(slot: DateTimeSlot, start: datetime, *, by_clock: bool) -> bool:
    """Whether a start lies in the slot; without `by_clock` only the day is compared."""
    if not by_clock:
        return any(_same_day(each, start) for each in slot.windows or (slot,))
    if any(each.start <= start and (each.end is None or start < each.end) for each in slot.exclude):
        return False
    return any(_allows(each, start) for each in slot.windows or (slot,))


def _allows(piece: DateTimeSlot | Interval, start: datetime) -> bool:
    if piece.end is None:
        return piece.start <= start
    if piece.end == piece.start:
        return abs(start - piece.start) <= (APPROXIMATELY if piece.grain == "approx" else timedelta(0))
    return piece.start <= start < piece.end


def _same_day(slot: DateTimeSlot | Interval, start: datetime) -> bool:
    last = slot.start if slot.end is None or slot.end == slot.start else slot.end - timedelta(seconds=1)
    return slot.start.date() <= start.date() <= last.date()


def _shifted(slot: DateTimeSlot, day) -> DateTimeSlot:
    """The same time of day on another day."""
    by = day - slot.start.date()
    return replace(
        slot,
        start=slot.start + by,
        end=slot.end + by if slot.end else None,
        windows=tuple(_moved(each, by) for each in slot.windows),
        exclude=tuple(_moved(each, by) for each in slot.exclude),
        alternatives=tuple(_moved(each, by) for each in slot.alternatives),
    )


def _moved(interval: Interval, by: timedelta) -> Interval:
    return Interval(interval.start + by, interval.end + by if interval.end else None, interval.grain)


def _on_each_day(part: DateTimeSlot, days: DateTimeSlot) -> DateTimeSlot:
    """A time of day on every one of several days."""
    assert days.end is not None
    length = (part.end or part.start) - part.start
    number = (days.end - timedelta(seconds=1)).date() - days.start.date()
    windows = []
    for offset in range(number.days + 1):
        start = datetime.combine(days.start.date() + timedelta(days=offset), part.start.time())
        windows.append(Interval(start, start + length, part.grain))
    return replace(
        part, start=windows[0].start, end=windows[-1].end, grain="range", windows=tuple(windows), exclude=days.exclude
    )


def _names_in(text: str, people: dict[int, str]) -> list[int]:
    infos = [StaffInfo(id_, name) for id_, name in people.items()]
    wanted, refused = staff_meant(text, infos, bare=True)
    return [id_ for id_ in wanted if id_ not in refused]


@lru_cache(maxsize=20_000)  # a message's words against every member's name: the same questions all day
def same_name(word: str, full_name: str) -> bool:
    """Whether a word is one of the person's names in any case, or its short form: Ольге, Оле -> Ольга."""
    for part in full_name.casefold().replace("ё", "е").split():
        if len(part) < 3:
            continue
        if _declines_to(word, part):
            return True
        if any(full[:5] == part[:5] and _declines_to(word, short) for short, full in SHORT_NAMES.items()):
            return True
    return False


def _declines_to(word: str, name: str) -> bool:
    stem = FLEETING.get(name) or (name[:-1] if name[-1] in "аяйьеиоуы" else name)
    return word == name or (word.startswith(stem) and word[len(stem) :] in ENDINGS)


def _stem(word: str) -> str:
    return word[:5] if len(word) > 5 else word[: max(3, len(word) - 1)]
