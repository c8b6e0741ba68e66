"""Places in a message: districts, suburbs, towns and streets of the four cities, in any case of the noun."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache

from assistant import lexicon
from assistant.text import Text
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
        found.append((match.start(), match.end(), GeoSlot(text.own_words(*match.span()), "street", "city")))
    for match in _bare_streets().finditer(text.plain):
        start, end = match.span("name")
        if text.original[text.starts[start]].isupper() and not any(a < end and start < b for a, b, _ in found):
            found.append((start, end, GeoSlot(text.own_words(start, end), "street", "city")))
    for kind, zone, pattern, cautious in _patterns(home):
        for match in pattern.finditer(text.plain):
            start, end = match.span()
            if any(left < end and start < right for left, right in hidden):
                continue
            if cautious.match(match.group()) and not _is_place(text, start, end):
                continue
            if any(start < right and left < end for left, right, _ in found):
                continue
            found.append((start, end, GeoSlot(text.own_words(start, end), kind, zone)))
    return tuple(slot for _, _, slot in sorted(found, key=lambda item: item[0]))


def _is_place(text: Text, start: int, end: int) -> bool:
    """A word that may mean anything else is a place only after "в", "на", "район" ... and with a capital or "район"."""
    before = text.plain[:start]
    led = re.search(rf"(?<![а-я]){_PLACE_WORDS}\s+(?:ваш\w*\s+)?$", before) is not None
    capital = text.original[text.starts[start]].isupper()
    followed = re.match(r"\s+(?:район|р-н|мкр|микрорайон|округ|поселк)", text.plain[end:]) is not None
    is_alone = re.search(r"(?:^|[.,;:/(!?\n])\s*$", before) and re.match(r"\s*(?:$|[.,;:/)!?\n])", text.plain[end:])
    if text.plain[start:end].startswith("центр") and re.match(r"\s+[а-я]", text.plain[end:]) and not capital:
        return followed or re.match(r"\s+город", text.plain[end:]) is not None  # "в центр красоты"
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
        rf"(?<![а-я])(?:на|с|у|по|до|от|через)\s+(?P<name>(?:{names})(?:\s*,?\s*\d+[а-я]?(?:/\d+)?)?)(?![а-я])"
    )
