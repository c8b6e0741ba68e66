"""Loads and checks the packs: `trades/`, `cities/`, `businesses/`. Files are read once per process.

Every loader raises PackError, which names the file, the key and what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agency.packs.section import PackError, Section, read_file
from agency.packs.shapes import (
    CITIES,
    MATRIX_ROLES,
    STAGES,
    TRADES,
    CityPack,
    KnowledgeDef,
    PlaceDef,
    PromoDef,
    ServiceDef,
    SkillDef,
    TradePack,
    UpsellDef,
)
from tenants.business import texts

FOLDER = Path(__file__).parent
RUBLE = 100  # kopecks
SHORTEST_STEM = 4  # letters: a shorter beginning meets too many other words


def all_trades() -> list[TradePack]:
    """The seven trades, in the order the product lists them."""
    return [load_trade(trade) for trade in TRADES]


@cache
def load_trade(trade: str) -> TradePack:
    """The pack of a trade, by its key (`salon`, `dental`, ...)."""
    top = read_file(FOLDER / "trades" / f"{_plain_key(trade)}.yaml")
    skills = _skills(top)
    categories, services = _services(top, known_skills={skill.key for skill in skills})
    _refuse_shared_words(services, file=top.file)
    names = {service.name for service in services}
    pack = TradePack(
        key=trade,
        title=top.text("title"),
        clinical=top.flag("clinical", False),
        urgent_signs=top.texts("urgent_signs", ()),
        categories=categories,
        skills=skills,
        services=services,
        matrix=_matrix(top.section("matrix")),
        knowledge=tuple(_knowledge(item) for item in top.sections("knowledge")),
        upsells=tuple(_upsell(item, names) for item in top.sections("upsells")),
        promos=tuple(_promo(item) for item in top.sections("promos")),
        texts=_texts(top.section("texts", {})),
    )
    top.close()
    if pack.clinical and not pack.urgent_signs:
        raise top.wrong("urgent_signs", "a clinical trade needs them")
    return pack


def _skills(top: Section) -> tuple[SkillDef, ...]:
    section = top.section("skills")
    return tuple(SkillDef(key=key, name=section.text(key)) for key in section.names())


def _services(top: Section, *, known_skills: set[str]) -> tuple[tuple[str, ...], tuple[ServiceDef, ...]]:
    """The categories' titles and the price list, both in the order of the file."""
    titles, services = [], []
    for category in top.sections("categories"):
        titles.append(category.text("title"))
        skill = category.text("skill", "")
        services += [
            _service(item, category=titles[-1], usual_skill=skill, known_skills=known_skills)
            for item in category.sections("services")
        ]
        category.close()
    return tuple(titles), tuple(services)


def _service(item: Section, *, category: str, usual_skill: str, known_skills: set[str]) -> ServiceDef:
    skill = item.text("skill", usual_skill)
    if skill not in known_skills:
        raise item.wrong("skill", f"unknown skill {skill!r}")
    price_rub = item.number("price_rub", least=1)
    price_to_rub = item.number("price_to_rub", None, least=price_rub + 1)
    service = ServiceDef(
        name=item.text("name"),
        category=category,
        skill=skill,
        duration_minutes=item.number("duration_minutes", least=5),
        buffer_minutes=item.number("buffer_minutes", 0),
        price_kopecks=price_rub * RUBLE,
        price_to_kopecks=price_to_rub and price_to_rub * RUBLE,
        cycle_days=item.number("cycle_days", None, least=1),
        synonyms=item.texts("synonyms"),
    )
    item.close()
    return service


def _refuse_shared_words(services: Iterable[ServiceDef], *, file: str) -> None:
    """One phrase must not name two services."""
    owner: dict[str, str] = {}
    for service in services:
        for phrase in (service.name, *service.synonyms):
            key = same_words(phrase)
            if owner.setdefault(key, service.name) != service.name:
                raise PackError(f"{file}: «{phrase}» names both «{owner[key]}» and «{service.name}»")


def same_words(phrase: str) -> str:
    """A phrase as matching compares it: lower case, «ё» as «е», single spaces."""
    return " ".join(phrase.casefold().replace("ё", "е").split())


def _matrix(section: Section) -> MappingProxyType:
    """Stage -> role -> letter: exactly one A and at least one R for each of the nine stages."""
    stages = {}
    for stage in STAGES:
        row = section.section(stage)
        stages[stage] = MappingProxyType(
            {role: row.choice(role, ("R", "A", "C", "I")) for role in MATRIX_ROLES if row.has(role)}
        )
        row.close()
        letters = list(stages[stage].values())
        if letters.count("A") != 1 or "R" not in letters:
            raise section.wrong(stage, f"needs exactly one A and at least one R, has {', '.join(letters) or 'nothing'}")
    section.close()
    return MappingProxyType(stages)


def _knowledge(item: Section) -> KnowledgeDef:
    entry = KnowledgeDef(question=item.text("question"), answer=item.text("answer"))
    item.close()
    return entry


def _upsell(item: Section, names: set[str]) -> UpsellDef:
    upsell = UpsellDef(service=item.text("service"), offer=item.text("offer"), text=item.text("text"))
    for key, name in (("service", upsell.service), ("offer", upsell.offer)):
        if name not in names:
            raise item.wrong(key, f"no service is called {name!r}")
    item.close()
    return upsell


def _promo(item: Section) -> PromoDef:
    promo = PromoDef(code=item.text("code"), text=item.text("text"), valid_days=item.number("valid_days", least=1))
    item.close()
    return promo


def _texts(section: Section) -> MappingProxyType:
    """The trade's own wording; each is checked against the product's catalogue of texts."""
    wording = {key: section.text(key) for key in section.names()}
    for key, text in wording.items():
        if problems := texts.check(key, text):
            raise section.wrong(key, problems[0])
    return MappingProxyType(wording)


@cache
def load_city(city: str) -> CityPack:
    """The pack of a city, by its key or a Russian name of it (`ufa`, `Уфа`, `Нижний Новгород`)."""
    if city in CITIES:
        return _read_city(city)
    for key in CITIES:
        pack = _read_city(key)
        if same_words(city) in {same_words(name) for name in (pack.name, *pack.aliases)}:
            return pack
    raise PackError(f"cities: there is no pack for {city!r} (there are: {', '.join(CITIES)})")


@cache
def _read_city(key: str) -> CityPack:
    top = read_file(FOLDER / "cities" / f"{key}.yaml")
    zone_name = top.text("timezone")
    try:
        ZoneInfo(zone_name)
    except (ZoneInfoNotFoundError, ValueError):
        raise top.wrong("timezone", f"unknown zone {zone_name!r}") from None
    name = top.text("name")
    pack = CityPack(
        key=key,
        name=name,
        name_in=top.text("name_in"),
        aliases=top.texts("aliases"),
        timezone=zone_name,
        region=top.text("region"),
        itself=PlaceDef(name=name, kind="city", zone="city", stems=_stems(top), synonyms=_whole_words(top)),
        districts=_places(top, "districts", kind="district", zone="city"),
        suburbs=_places(top, "suburbs", kind="suburb", zone="suburb"),
        streets=_places(top, "streets", kind="street", zone="city"),
        not_here=tuple(same_words(phrase) for phrase in top.texts("not_here", ())),
    )
    top.close()
    _refuse_shared_places(pack, file=top.file)
    return pack


def _places(top: Section, key: str, *, kind: str, zone: str) -> tuple[PlaceDef, ...]:
    places = []
    for item in top.sections(key):
        places.append(
            PlaceDef(
                name=item.text("name"),
                kind=kind,
                zone=item.choice("zone", ("city", "suburb", "outside"), zone),
                stems=_stems(item),
                synonyms=_whole_words(item),
            )
        )
        item.close()
    return tuple(places)


def _stems(section: Section) -> tuple[str, ...]:
    stems = section.texts("stems", ())
    for stem in stems:
        if stem != same_words(stem) or len(stem) < SHORTEST_STEM:
            raise section.wrong("stems", f"{stem!r} must be lower case, with «е», {SHORTEST_STEM} letters or longer")
    return stems


def _whole_words(section: Section) -> tuple[str, ...]:
    """Synonyms as matching compares them. The name is none by itself: «Бор», «Юг» are everyday words."""
    words = tuple(same_words(phrase) for phrase in section.texts("synonyms", ()))
    if not words and not section.has("stems"):
        raise section.wrong("synonyms", "a place needs stems or synonyms to be recognised by")
    return words


def _refuse_shared_places(city: CityPack, *, file: str) -> None:
    owner: dict[str, str] = {}
    for place in city.places:
        for phrase in {*place.stems, *place.synonyms}:
            if owner.setdefault(phrase, place.name) != place.name:
                raise PackError(f"{file}: «{phrase}» names both «{owner[phrase]}» and «{place.name}»")


def _plain_key(key: str) -> str:
    """A pack's key is a bare file name, so that a caller's text cannot leave the folder."""
    if not key.replace("-", "").replace("_", "").isalnum():
        raise PackError(f"{key!r} is not a pack's key")
    return key
