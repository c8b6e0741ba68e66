"""Loads and checks the packs: `trades/`, `cities/`, `businesses/`. Files are read once per process.

Every loader raises PackError, which names the file, the key and what is wrong with it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from agency.packs.section import PackError, Section, intervals, read_file
from agency.packs.shapes import (
    CITIES,
    MATRIX_ROLES,
    STAFF_ROLES,
    STAGES,
    TRADES,
    BranchDef,
    BusinessPack,
    ChannelDef,
    CityPack,
    HolidayPolicy,
    KnowledgeDef,
    PlaceDef,
    PromoDef,
    ServiceDef,
    SkillDef,
    StaffDef,
    TradePack,
    UpsellDef,
)
from agency.packs.weeks import shifts, week_hours
from tenants.business import texts

CHANNEL_KINDS = ("telegram", "webchat", "form", "sms")  # those a demo business opens without an outside contract
FOLDER = Path(__file__).parent
RUBLE = 100  # kopecks
SHORTEST_STEM = 4  # letters: a shorter beginning meets too many other words

# The mobile code 907 stands free in Russia's numbering plan (no operator holds it): such numbers only look real.
DEMO_PHONE_PREFIX = "+7907"
DEMO_PHONE = re.compile(re.escape(DEMO_PHONE_PREFIX) + r"\d{7}")


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
    price_kopecks, price_to_kopecks = _price(item)
    service = ServiceDef(
        name=item.text("name"),
        category=category,
        skill=skill,
        duration_minutes=item.number("duration_minutes", least=5),
        buffer_minutes=item.number("buffer_minutes", 0),
        price_kopecks=price_kopecks,
        price_to_kopecks=price_to_kopecks,
        cycle_days=item.number("cycle_days", None, least=1),
        synonyms=item.texts("synonyms"),
    )
    item.close()
    return service


def _price(item: Section) -> tuple[int, int | None]:
    """The price and the upper end of its range in kopecks; None: the price is fixed."""
    price_rub = item.number("price_rub", least=1)
    price_to_rub = item.number("price_to_rub", None, least=price_rub + 1)
    return price_rub * RUBLE, price_to_rub and price_to_rub * RUBLE


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
        name = item.text("name")
        places.append(
            PlaceDef(
                name=name,
                kind=kind,
                zone=item.choice("zone", ("city", "suburb", "outside"), zone),
                stems=_stems(item),
                synonyms=_whole_words(item) if kind != "street" else (same_words(name), *_whole_words(item)),
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


def all_businesses() -> list[BusinessPack]:
    """The demo businesses, by slug."""
    return [load_business(path.stem) for path in sorted((FOLDER / "businesses").glob("*.yaml"))]


@cache
def load_business(slug: str) -> BusinessPack:
    """A demo business by its slug (`salon-ufa`)."""
    top = read_file(FOLDER / "businesses" / f"{_plain_key(slug)}.yaml")
    name = top.text("name")
    if not top.flag("invented") or "(демо)" not in name:
        raise top.wrong("invented", "a demo business says that it is invented: true, and «(демо)» in its name")
    city = load_city(top.text("city"))
    trades = tuple(load_trade(trade) for trade in top.texts("trades"))
    if not trades:
        raise top.wrong("trades", "a business has at least one trade")
    services = _own_services(top, trades)
    branches = tuple(_branch(item, city) for item in top.sections("branches"))
    pack = BusinessPack(
        slug=slug,
        name=name,
        about=top.text("about"),
        invented=True,
        city=city,
        trades=trades,
        services=services,
        branches=branches,
        staff=_staff(top, slug=slug, branches=branches, trades=trades),
        channels=tuple(_channel(item) for item in top.sections("channels")),
    )
    top.close()
    return pack


def _own_services(top: Section, trades: tuple[TradePack, ...]) -> tuple[ServiceDef, ...]:
    """The trades' price lists one after another, without what is left out, at this business's prices."""
    services = {}
    left_out = top.section("leave_out", {})
    for trade in trades:
        unwanted = set(left_out.texts(trade.key, ()))
        if unknown := unwanted - {service.name for service in trade.services}:
            raise left_out.wrong(trade.key, f"no service is called {sorted(unknown)[0]!r}")
        for service in trade.services:
            if service.name not in unwanted:
                if service.name in services:
                    raise left_out.wrong(trade.key, f"«{service.name}» is sold by another trade too: leave one out")
                services[service.name] = service
    left_out.close()
    prices = top.section("prices", {})
    for name in prices.names():
        own = prices.section(name)
        if name not in services:
            raise prices.wrong(name, "no service is called so")
        services[name] = _repriced(services[name], own)
    _refuse_shared_words(services.values(), file=top.file)
    return tuple(services.values())


def _repriced(service: ServiceDef, own: Section) -> ServiceDef:
    """The service at its own price; without price_to_rub the price is fixed."""
    price_kopecks, price_to_kopecks = _price(own)
    own.close()
    return replace(service, price_kopecks=price_kopecks, price_to_kopecks=price_to_kopecks)


def _branch(item: Section, city: CityPack) -> BranchDef:
    branch = BranchDef(
        key=item.text("key"),
        name=item.text("name"),
        address=item.text("address"),
        phone=_demo_phone(item),
        districts=item.texts("districts"),
        how_to_find=item.text("how_to_find"),
        hours=week_hours(item.section("hours")),
        holidays=_holidays(item.section("holidays")),
    )
    if unknown := set(branch.districts) - {place.name for place in city.districts}:
        raise item.wrong("districts", f"{city.name} has no district {sorted(unknown)[0]!r} in its pack")
    item.close()
    return branch


def _holidays(section: Section) -> HolidayPolicy:
    policy = section.choice("policy", ("open", "closed", "short"))
    days = []
    for text in section.texts("closed_on", ()):
        try:
            day = date.fromisoformat(f"2024-{text}")  # a leap year knows every day
        except ValueError:
            raise section.wrong("closed_on", f"expected a month and day like 01-31, got {text!r}") from None
        days.append((day.month, day.day))
    holidays = HolidayPolicy(policy=policy, hours=intervals(section, "hours", "closed"), closed_on=tuple(days))
    if (policy == "short") != bool(holidays.hours):
        raise section.wrong("hours", "are given for the policy short, and only for it")
    section.close()
    return holidays


def _staff(
    top: Section, *, slug: str, branches: tuple[BranchDef, ...], trades: tuple[TradePack, ...]
) -> tuple[StaffDef, ...]:
    known_skills = {skill.key for trade in trades for skill in trade.skills}
    seen: Counter[str] = Counter()
    staff = []
    for item in top.sections("staff"):
        role = item.choice("role", STAFF_ROLES)
        seen[role] += 1
        branch = item.choice("branch", tuple(branch.key for branch in branches))
        person = StaffDef(
            name=item.text("name"),
            role=role,
            position=item.text("position"),
            branch=branch,
            email=f"{role}{seen[role] if seen[role] > 1 else ''}@{slug}.demo",
            phone=_demo_phone(item),
            skills=item.texts("skills", ()),
            load_cap=item.number("load_cap", least=1),
            shifts=shifts(item, branch=branch),
        )
        if unknown := set(person.skills) - known_skills:
            raise item.wrong("skills", f"unknown skill {sorted(unknown)[0]!r}")
        item.close()
        staff.append(person)
    return tuple(staff)


def _demo_phone(item: Section) -> str:
    phone = item.text("phone")
    if not DEMO_PHONE.fullmatch(phone):
        raise item.wrong("phone", f"a demo phone is of the unassigned range {DEMO_PHONE_PREFIX}…, got {phone!r}")
    return phone


def _channel(item: Section) -> ChannelDef:
    channel = ChannelDef(kind=item.choice("kind", CHANNEL_KINDS), title=item.text("title"))
    item.close()
    return channel
