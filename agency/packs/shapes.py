"""What a pack holds, as frozen plain data. Money is in kopecks, times are naive local times of the branch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time

from assistant.understanding import ServiceInfo

Hours = tuple[tuple[time, time], ...]  # ordered, not overlapping; empty: closed

TRADES = ("salon", "barbershop", "dental", "clinic", "cosmetology", "massage", "fitness")
CITIES = ("ufa", "omsk", "nizhny", "krasnoyarsk")
STAGES = (
    "first_contact",
    "qualification",
    "booking",
    "confirmation",
    "reminder",
    "no_show",
    "nurture",
    "complaint",
    "data_request",
)
STAFF_ROLES = ("owner", "senior", "manager", "receptionist", "specialist", "marketing")
MATRIX_ROLES = (*STAFF_ROLES, "assistant")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class SkillDef:
    key: str
    name: str


@dataclass(frozen=True)
class ServiceDef:
    """One line of a price list. `price_to_kopecks` None: a fixed price. `cycle_days` None: nobody comes back for it."""

    name: str
    category: str
    skill: str
    duration_minutes: int
    buffer_minutes: int
    price_kopecks: int
    price_to_kopecks: int | None
    cycle_days: int | None
    synonyms: tuple[str, ...]


@dataclass(frozen=True)
class KnowledgeDef:
    """An answer the assistant may give word for word."""

    question: str
    answer: str


@dataclass(frozen=True)
class UpsellDef:
    """`text` is said when `service` is booked; `offer` names the service proposed with it."""

    service: str
    offer: str
    text: str


@dataclass(frozen=True)
class PromoDef:
    """A promotion in one sentence for the client. `valid_days` counts from the day the pack is applied."""

    code: str
    text: str
    valid_days: int


@dataclass(frozen=True)
class TradePack:
    """Everything a trade brings to a new business."""

    key: str
    title: str
    clinical: bool
    urgent_signs: tuple[str, ...]
    categories: tuple[str, ...]
    skills: tuple[SkillDef, ...]
    services: tuple[ServiceDef, ...]
    matrix: Mapping[str, Mapping[str, str]]  # stage -> role -> R, A, C or I
    knowledge: tuple[KnowledgeDef, ...]
    upsells: tuple[UpsellDef, ...]
    promos: tuple[PromoDef, ...]
    texts: Mapping[str, str]  # message key -> wording, where it differs from the product's own

    def price_list(self) -> list[ServiceInfo]:
        """The services as engines read them; ids are the line numbers, from 1."""
        return as_price_list(self.services)


def as_price_list(services: tuple[ServiceDef, ...]) -> list[ServiceInfo]:
    return [
        ServiceInfo(
            id=number,
            name=service.name,
            synonyms=service.synonyms,
            category=service.category,
            duration_minutes=service.duration_minutes,
            price_kopecks=service.price_kopecks,
            price_to_kopecks=service.price_to_kopecks,
        )
        for number, service in enumerate(services, start=1)
    ]


@dataclass(frozen=True)
class PlaceDef:
    """A place people name. A stem matches a word that begins with it, several words one after another («зелен рощ»);
    a synonym matches as a whole. Both are written with «е» for «ё» and in lower case."""

    name: str
    kind: str  # city, district, suburb, street
    zone: str  # city, suburb, outside
    stems: tuple[str, ...]
    synonyms: tuple[str, ...]


@dataclass(frozen=True)
class CityPack:
    """True facts of a city. `aliases`: names it is asked for by; how clients write it stands in `itself`.

    `not_here`: words that begin like the city's name and are something else."""

    key: str
    name: str
    name_in: str  # «в Уфе»
    aliases: tuple[str, ...]
    timezone: str
    region: str
    itself: PlaceDef
    districts: tuple[PlaceDef, ...]
    suburbs: tuple[PlaceDef, ...]
    streets: tuple[PlaceDef, ...]
    not_here: tuple[str, ...]

    @property
    def places(self) -> tuple[PlaceDef, ...]:
        """All that clients name, the city itself first."""
        return (self.itself, *self.districts, *self.suburbs, *self.streets)


@dataclass(frozen=True)
class ShiftDef:
    """Works on the local days where (day - anchor_date).days % cycle_days == offset_day, from start to end."""

    branch: str
    anchor_date: date
    cycle_days: int
    offset_day: int
    start: time
    end: time
    break_start: time | None
    break_end: time | None

    def is_on(self, day: date) -> bool:
        return (day - self.anchor_date).days % self.cycle_days == self.offset_day


@dataclass(frozen=True)
class HolidayPolicy:
    """Russia's public holidays: `open` as usual, `closed`, or `short` with `hours`.

    `closed_on`: (month, day) on which nobody works whatever the policy says."""

    policy: str
    hours: Hours
    closed_on: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class BranchDef:
    key: str
    name: str
    address: str
    phone: str  # E.164
    districts: tuple[str, ...]  # names of the city pack's districts that are near
    how_to_find: str
    hours: tuple[Hours, ...]  # seven, from Monday
    holidays: HolidayPolicy


@dataclass(frozen=True)
class StaffDef:
    """`skills` are skill keys; empty for people nobody can be booked to. `load_cap`: open leads at once."""

    name: str
    role: str
    position: str
    branch: str
    email: str
    phone: str  # E.164
    skills: tuple[str, ...]
    load_cap: int
    shifts: tuple[ShiftDef, ...]

    @property
    def takes_bookings(self) -> bool:
        return bool(self.skills)


@dataclass(frozen=True)
class ChannelDef:
    kind: str
    title: str


@dataclass(frozen=True)
class BusinessPack:
    """A demo business. With several trades their lists are joined; matrix and texts are the first one's."""

    slug: str
    name: str
    about: str
    invented: bool
    city: CityPack
    trades: tuple[TradePack, ...]
    services: tuple[ServiceDef, ...]  # with this business's own prices
    branches: tuple[BranchDef, ...]
    staff: tuple[StaffDef, ...]
    channels: tuple[ChannelDef, ...]

    def price_list(self) -> list[ServiceInfo]:
        """The services as engines read them; ids are the line numbers, from 1."""
        return as_price_list(self.services)

    @property
    def clinical(self) -> bool:
        return any(trade.clinical for trade in self.trades)

    @property
    def skills(self) -> tuple[SkillDef, ...]:
        return tuple(skill for trade in self.trades for skill in trade.skills)

    @property
    def urgent_signs(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(sign for trade in self.trades for sign in trade.urgent_signs))

    @property
    def matrix(self) -> Mapping[str, Mapping[str, str]]:
        return self.trades[0].matrix

    @property
    def texts(self) -> Mapping[str, str]:
        return self.trades[0].texts

    @property
    def knowledge(self) -> tuple[KnowledgeDef, ...]:
        """Every question once: what two trades answer, the first one answers."""
        entries: dict[str, KnowledgeDef] = {}
        for trade in self.trades:
            for entry in trade.knowledge:
                entries.setdefault(entry.question, entry)
        return tuple(entries.values())

    @property
    def upsells(self) -> tuple[UpsellDef, ...]:
        """Those whose both services are sold here."""
        sold = {service.name for service in self.services}
        return tuple(
            upsell for trade in self.trades for upsell in trade.upsells if {upsell.service, upsell.offer} <= sold
        )

    @property
    def promos(self) -> tuple[PromoDef, ...]:
        return tuple(promo for trade in self.trades for promo in trade.promos)
