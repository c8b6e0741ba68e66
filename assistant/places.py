"""Places in a message: districts, suburbs, towns and streets of the four cities, in any case of the noun."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from assistant import lexicon
from assistant.text import Text, grammar
from assistant.understanding import GeoSlot, Zone

CITIES = {
    "уфа": "ufa",
    "омск": "omsk",
    "нижний новгород": "nizhny",
    "нижний": "nizhny",
    "красноярск": "krasnoyarsk",
}
_NOUN = r"(?:а|у|е|ы|и|о|ой|ою|ом|ам|ах|ами|ов|ей|ем|ю|я|ь|ью|ии|ию|ий|й)?"
_ANY = r"[а-я]{0,5}"
_ADJECTIVE = "ая|ой|ую|ый|ого|ом|ому|ые|ых|ий|его|ем|яя|ей|юю|ее|ое|ие|их|ы|а|у|е|и|ь|ская|ской|скую|ский|ского|ском"
_BETWEEN = rf"(?:{_ADJECTIVE})?[\s-]+"
_CAPITAL_ONLY = frozenset(lexicon.load("places")["everyday"].split())
_PLACE_WORDS = lexicon.load("places")["leads"]


# A name after "из", "посёлок", or before a house, and what it is.
_TOLD = re.compile(
    r"(?<![а-я])(?:(?P<lead>из|с|со|на|в|во)\s+|(?P<village>(?:деревн[а-я]+|сел[оае]|посел[а-я]+|пос\.?|снт)\s+)"
    r"|(?P<landmark>(?:метро|остановк[а-я]|жк|тц|трц|трк|бц|мкр|микрорайон[а-я]*|район[а-я]*|площад[ьи]|квартал[а-я]?)\s+\"?))"
    r"(?P<name>(?P<word>[а-я]{4,}(?:-[а-я]+)*)(?P<house>\s*,?\s*(?:д\.?\s*|дом\s+)?\d{1,3}[а-я]?(?:/\d+)?(?![\d:.]))?)"
    r"(?![а-я])(?!\s+(?:янв|фев|мар|апр|ма[яй]|июн|июл|авг|сен|окт|ноя|дек|час|числ|утра|дня|вечера|мин|руб|тыс))"
)
_STREET_NAME = re.compile(r"(?:ого|ой|ова|ева|ина|ых|их|и|а|я)$")
# Who or what stands in a street: "вы на Мингажева?", "ваш филиал на Айской".
_STANDS = re.compile(
    r"(?<![а-я])(?:филиал|салон|клиник|студи|зал|кабинет|офис|адрес|вы|вас|живу|живем|наход|работаю|доехать|добраться|ехать|еду)[а-я]*"
    r"\s+(?:[а-я]+\s+){0,2}$"
)
_VILLAGE_NAME = re.compile(r"(?:ово|ево|ино|ыно)$")
_ABROAD = re.compile(
    "турци|египт|тайланд|таиланд|итали|испани|европ|эмират|дубай|вьетнам|коре|кита|росси|герман|израил"
)
# Whoever is at home in a place may write it small: "еду с затона".
_AT_HOME = re.compile(
    r"(?<![а-я])(?:живу|живем|еду|едем|ехать|добира[а-я]+|приеду|приедем|приезжаю|я|мы|нахожусь|работаю|филиал[а-я]*|салон[а-я]*)\s+"
    r"(?:к вам\s+|сейчас\s+|сам\s+|сама\s+)?(?:в|во|на|из|со?)\s+$"
)
_LIVES = re.compile(
    r"(?<![а-я])(?:живу|живем|живет|проживаю|нахожусь|переехал[аи]?|работаю|еду|едем|ехать|приеду|приедем|добираться)\s+"
    r"(?:к вам\s+|сейчас\s+|сам\s+|сама\s+)?(?:в|во|из|со?)\s+$"
)
_BANK = re.compile(
    r"(?<![а-я])(?:на|с)\s+(?P<name>(?:прав|лев)(?:ом|ого))(?=\s*(?:$|[,.!?;)]|живу|живем|берегу|и\s|а\s))"
)
_ASKED_OF = re.compile(
    r"\s+(?:это\s|знаете|далеко|рядом|если|тоже)|\s*,\s*(?:далеко|ехать|успею|как|к вам|от вас|за мостом|автобус)"
)


def city_key(city: str) -> str:
    """The key of a city given by key or by its Russian name; an unknown name as it is."""
    plain = city.strip().lower().replace("ё", "е")
    return CITIES.get(plain, plain)


def find_places(text: Text, city: str, *, hidden: Sequence[tuple[int, int]] = ()) -> tuple[GeoSlot, ...]:
    """Places in their order; `zone` is as seen from `city`: another of our cities lies outside."""
    home = city_key(city)
    found: list[tuple[int, int, GeoSlot]] = []
    for match in _streets().finditer(text.plain):
        named = match.start("name")
        is_capital = text.original[text.starts[named]].isupper()
        if not is_capital and not re.search(r"\d", match.group()):
            continue  # "на улице холодно"
        end = _with_surname(text, match.end())
        found.append((match.start(), end, GeoSlot(text.own_words(match.start(), end), "street", "city")))
    for match in _bare_streets().finditer(text.plain):
        start, end = match.span("name")
        if text.original[text.starts[start]].isupper() and not any(a < end and start < b for a, b, _ in found):
            found.append((start, end, GeoSlot(text.own_words(start, end), "street", "city")))
    for kind, zone, pattern, cautious in _patterns(home):
        for match in pattern.finditer(text.plain):
            start, end = match.span()
            if any(left < end and start < right for left, right in hidden):
                continue
            if cautious.fullmatch(match.group()) and not _is_place(text, start, end):
                continue
            if any(start < right and left < end for left, right, _ in found):
                continue
            found.append((start, end, GeoSlot(text.own_words(start, end), kind, zone)))
    for match in _BANK.finditer(text.plain) if home in ("omsk", "krasnoyarsk") else ():
        start, end = match.span("name")
        if not any(left < end and start < right for left, right, _ in found):
            found.append((start, end, GeoSlot(text.own_words(start, end), "district", "city")))
    for match in _TOLD.finditer(text.plain):
        start, end = match.span("name")
        zone = _zone_of_unknown(text, match)
        if zone and not any(left < end and start < right for left, right in (*hidden, *(each[:2] for each in found))):
            kind = "city" if zone == "outside" else "street" if zone == "city" else "suburb"
            found.append((start, end, GeoSlot(text.own_words(start, end), kind, zone)))
    return tuple(slot for _, _, slot in sorted(found, key=lambda item: item[0]))


def _with_surname(text: Text, end: int) -> int:
    """Where a street's name ends: "улица Рихарда Зорге" goes on with a capital."""
    following = re.match(r"\s+[а-я]{3,}(?:\s*,?\s*(?:д\.?\s*|дом\s+)?\d+[а-я]?)?", text.plain[end:])
    if following is None or not text.original[text.starts[end + 1]].isupper():
        return end
    return end + following.end()


def _zone_of_unknown(text: Text, match: re.Match[str]) -> Zone | None:
    """Of a name unknown: a village by its word or ending, a town by the dictionary, a street by its house."""
    word, start, lead = match.group("word"), match.start("word"), match.group("lead")
    if not text.original[text.starts[start]].isupper() or _ABROAD.match(word):
        return None
    if match.group("village") or match.group("landmark"):
        return "suburb" if match.group("village") else "city"
    if "Name" in (tags := grammar(word)) or (match.group("house") and lead != "на"):
        return None
    if lead == "на":
        is_said = match.group("house") or _STANDS.search(text.plain[: match.start()])
        return "city" if is_said and _STREET_NAME.search(word) else None
    if _LIVES.search(text.plain[: match.end("lead") + 1]):
        return "outside" if "Geox" in tags else "suburb" if _VILLAGE_NAME.search(word) else "city"
    if lead in ("в", "во"):
        return None
    if "Geox" in tags:
        return "outside"
    return "suburb" if _VILLAGE_NAME.search(word) else None


def _is_place(text: Text, start: int, end: int) -> bool:
    """A word that may mean anything else is a place only after "в", "на", "район" ... and with a capital or "район"."""
    before = text.plain[:start]
    led = re.search(rf"(?<![а-я]){_PLACE_WORDS}\.?\s+(?:ваш\w*\s+)?$", before) is not None
    capital = text.original[text.starts[start]].isupper()
    if "Name" in grammar(text.plain[start:end]) and re.search(
        r"(?<![а-я])(?:к|ко|у|с|на|через|около|рядом)\s+$", before
    ):
        return False  # "к Владимиру"
    followed = re.match(r"\s+(?:район|р-н|мкр|микрорайон|округ|поселк)", text.plain[end:]) is not None
    is_alone = re.search(r"(?:^|[.,;:/(!?\n])\s*$", before) and re.match(r"\s*(?:$|[.,;:/)!?\n])", text.plain[end:])
    if text.plain[start:end].startswith("центр") and re.match(r"\s+[а-я]", text.plain[end:]) and not capital:
        return followed or re.match(r"\s+(?:город|есть|удобн|тоже|или|где|ваш)", text.plain[end:]) is not None
    if _AT_HOME.search(before) or (capital and _ASKED_OF.match(text.plain[end:])):
        return True
    return followed or (led and (capital or text.plain[start:end].startswith("центр"))) or (capital and bool(is_alone))


@cache
def _patterns(home: str) -> tuple[tuple[str, Zone, re.Pattern[str], re.Pattern[str]], ...]:
    data = lexicon.load("places")
    rows: list[tuple[str, Zone, str]] = []
    if isinstance(data.get(home), dict):
        rows += [("suburb", "suburb", data[home]["suburb"]), ("district", "city", data[home]["district"])]
        rows += [("city", "outside", data[home]["outside"]), ("city", "city", data[home]["names"])]
    others = [data[city]["names"] for city in ("ufa", "omsk", "nizhny", "krasnoyarsk") if city != home]
    others = [names.replace("нижн$, нижн=, новгород, нн=", "") for names in others]
    others += [data[city]["outside"] for city in ("ufa", "omsk", "nizhny", "krasnoyarsk") if city != home]
    rows.append(("city", "outside", ", ".join([*others, data["elsewhere"]])))
    return tuple((kind, zone, _regex(stems), _regex(stems, only_cautious=True)) for kind, zone, stems in rows)


def _regex(stems: str, *, only_cautious: bool = False) -> re.Pattern[str]:
    parts = []
    for stem in sorted((stem.strip() for stem in stems.split(",") if stem.strip()), key=len, reverse=True):
        if only_cautious and stem not in _CAPITAL_ONLY:
            continue
        ending = _NOUN if stem.endswith("$") else "" if stem.endswith("=") else _ANY
        parts.append(_BETWEEN.join(re.escape(word) for word in stem.rstrip("$=").split()) + ending)
    return re.compile(rf"(?<![а-я-])(?:{'|'.join(parts) or '(?!)'})(?![а-я])")


@cache
def _streets() -> re.Pattern[str]:
    opener = lexicon.load("places")["street"]
    return re.compile(
        rf"(?<![а-я]){opener}\s+(?:\d+(?:-?[а-я]{{1,3}})?\s+)?(?P<name>[а-я-]{{3,}})(?:\s+[а-я-]{{4,}}(?=\s*,?\s*\d))?(?:\s*,?\s*(?:д\.?\s*|дом\s+)?\d+[а-я]?(?:[/]\d+)?)?"
    )


@cache
def _bare_streets() -> re.Pattern[str]:
    names = "|".join(lexicon.load("places")["streets"].split())
    return re.compile(
        rf"(?:(?<![а-я])(?:на|с|у|по|до|от|через)\s+|(?:^|[,.(]\s*)(?=[а-я]+\s*,?\s*\d))"
        rf"(?P<name>(?:{names})(?:\s*,?\s*\d+[а-я]?(?:/\d+)?)?)(?![а-я])"
    )
