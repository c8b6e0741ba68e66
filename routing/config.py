"""A business's settings as one value for the path of a lead, kept for a few seconds in each process."""

from __future__ import annotations

import copy
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from django.core.cache import cache
from django.db import connection, transaction

from assistant.learning import serving
from assistant.model import Model
from assistant.price_list import price_list
from assistant.understanding import ServiceInfo
from assistant.whereabouts import nearest
from booking.queries import Ground, load_ground
from routing.models import Campaign, RuleSet, ScorePolicy, SlaPolicy
from routing.rules.deciding import fields_of
from routing.rules.reading import read_rules
from routing.rules.shapes import Rule
from routing.scoring import Weights, price_scale
from tenants.business.calendar import Calendar, Rota, load_calendars, load_rotas
from tenants.business.models import Branch, BusinessSettings, MatrixRole, Service, StaffMember
from tenants.business.responsibility import load_matrix
from tenants.business.wording import Wording

logger = logging.getLogger(__name__)

LOOK_AGAIN = 3.0  # seconds; after them a process asks whether anything was changed
KEPT_SECONDS = 20.0  # whatever was said about changes (rows written past the models tell nobody)


@dataclass(frozen=True)
class InForce:
    """The published rules, read; version 0 when the business never published any."""

    rules: tuple[Rule, ...] = ()
    version: int = 0
    asks_load: bool = False  # some rule asks how full the people are, which costs a query


@dataclass(frozen=True)
class Config:
    settings: BusinessSettings
    branches: tuple[Branch, ...]
    price_list: tuple[ServiceInfo, ...]
    weights: Weights
    policies: tuple[SlaPolicy, ...]  # the usual terms and the exceptions to them
    wording: Wording
    calendars: dict[int, Calendar]  # by branch id
    ground: Ground
    rotas: dict[int, Rota]  # of everybody, by staff id
    matrix: dict[str, dict[str, str]]  # stage -> role -> letter
    skills: dict[int, int | None]  # service id -> the skill it needs
    rules: InForce
    staff: tuple[StaffMember, ...]  # active people by name; of who is there and what they have, ask the database
    about: dict[int, str]  # staff id -> what tells namesakes apart
    campaigns: tuple[Campaign, ...]  # closed ones too: their codes are still about
    learned: int  # id of the version of the weights in use; 0: the shipped ones

    @property
    def policy_url(self) -> str:
        return self.settings.policy_url

    @property
    def model(self) -> Model | None:
        """The weights that the business taught the assistant; None: the shipped ones."""
        return serving.model(self.learned)

    def branch(self, branch_id: int | None) -> Branch:
        """That branch, or the first one where none is known or it was closed."""
        return next((branch for branch in self.branches if branch.pk == branch_id), self.branches[0])

    def roles(self, stage: str, letter: str) -> list[str]:
        """Roles that hold this letter in a stage, in the order of an owner's grid; the assistant is nobody."""
        row = self.matrix[stage]
        return [role for role in MatrixRole.values if row.get(role) == letter and role != MatrixRole.ASSISTANT]

    def people(self, roles: Iterable[str], branch_id: int | None = None) -> list[StaffMember]:
        """Active people of these roles, role by role: of each those of the branch, or of the whole business where the
        branch has none or is not named."""
        found = []
        for role in roles:
            people = [person for person in self.staff if person.role == role]
            found += [person for person in people if person.branch_id == branch_id] or people
        return found

    def service(self, service_id: int | None) -> ServiceInfo | None:
        return next((service for service in self.price_list if service.id == service_id), None)

    def branch_for(self, place: str) -> Branch | None:
        """The branch whose districts name the place the client spoke of, else the nearest; None: nobody can tell."""
        wanted = place.lower().replace("ё", "е")
        for branch in self.branches:
            for district in branch.districts:
                stem = district.lower().replace("ё", "е").rstrip("аяыийоеью")
                if wanted and stem and stem in wanted:
                    return branch
        number = nearest(place, [branch.address for branch in self.branches], self.branches[0].city)
        return None if number is None else self.branches[number]


@dataclass
class _Kept:
    config: Config
    stamp: str
    read_at: float
    looked_at: float


_kept: dict[str, _Kept] = {}


_tried: ContextVar[Config | None] = ContextVar("tried", default=None)


@contextmanager
def tried(**differing: Any) -> Iterator[Config]:
    """Inside, in this thread alone, the current tenant has the settings of this very moment, with these values of
    BusinessSettings in place of its own. Nothing is stored, and nobody else sees it."""
    config = _read()
    settings = copy.copy(config.settings)
    for name, value in differing.items():
        setattr(settings, name, value)
    config = replace(config, settings=settings)
    token = _tried.set(config)
    try:
        yield config
    finally:
        _tried.reset(token)


def load() -> Config:
    """The current tenant's settings: a change that was saved counts after LOOK_AGAIN seconds in every process, any
    other after KEPT_SECONDS. A business without a branch raises DoesNotExist."""
    if config := _tried.get():
        return config
    schema, moment = connection.schema_name, time.monotonic()
    found = _kept.get(schema)
    if found and moment - found.looked_at < LOOK_AGAIN:
        return found.config
    stamp = _stamp(schema)
    if found and stamp and stamp == found.stamp and moment - found.read_at < KEPT_SECONDS:
        found.looked_at = moment
        return found.config
    _kept[schema] = _Kept(_read(), stamp, moment, moment)
    return _kept[schema].config


def note_change() -> None:
    """The current tenant's settings are changed by this transaction: whoever keeps them reads them again."""
    schema = connection.schema_name

    def tell() -> None:
        _kept.pop(schema, None)
        try:
            cache.set(_name(schema), uuid4().hex, None)
        except Exception as error:  # noqa: BLE001 - cache backends raise their clients' own kinds
            logger.warning("a change of settings is known later: %s", type(error).__name__)

    transaction.on_commit(tell)


def _stamp(schema: str) -> str:
    """Mark of the last change that was told; "" when the cache is away."""
    try:
        return cache.get_or_set(_name(schema), lambda: uuid4().hex, None)
    except Exception as error:  # noqa: BLE001 - as above
        logger.warning("nobody knows whether settings changed: %s", type(error).__name__)
        return ""


def _name(schema: str) -> str:
    return f"settings-of:{schema}"


def forget_all() -> None:
    """Drop what is kept (tests, and a process that just changed settings)."""
    _kept.clear()


def _read() -> Config:
    branches = tuple(Branch.objects.filter(is_active=True))
    if not branches:
        raise Branch.DoesNotExist("в бизнесе нет ни одного работающего филиала")
    settings = BusinessSettings.objects.select_related("backup_staff").get(pk=1)
    calendars = load_calendars()
    staff = list(StaffMember.objects.filter(is_active=True).select_related("branch"))
    services = price_list()
    return Config(
        settings=settings,
        branches=branches,
        price_list=services,
        weights=weights_of(ScorePolicy.load(), [service.price_kopecks for service in services]),
        policies=tuple(SlaPolicy.objects.all()),
        wording=Wording(settings.tone),
        calendars=calendars,
        ground=load_ground(settings, calendars),
        rotas=load_rotas(staff),
        matrix=load_matrix(),
        staff=tuple(staff),
        about={person.pk: _about(person, several=len(branches) > 1) for person in staff},
        campaigns=tuple(Campaign.objects.defer("clicks")),
        learned=serving.published(),
        skills=dict(Service.objects.values_list("pk", "skill_id")),
        rules=_rules(),
    )


def _rules() -> InForce:
    found = RuleSet.objects.filter(status=RuleSet.Status.PUBLISHED).first()
    if found is None:
        return InForce()
    rules = read_rules(found.text).rules
    return InForce(rules, found.number, asks_load=any("load" in fields_of(rule) for rule in rules))


def _about(person: StaffMember, *, several: bool) -> str:
    """«Старший стилист, Весна на Менделеева»; the branch only where there are several."""
    return ", ".join(part for part in (person.position, person.branch.name if several else "") if part)


def weights_of(policy: ScorePolicy, prices: Iterable[int] = ()) -> Weights:
    """The tenant's policy as the plain weights that `scoring` takes; `prices` (kopecks) say what is much money here."""
    weights = Weights(
        recency_max=policy.recency_max,
        recency_half_life=timedelta(minutes=max(policy.recency_half_life_minutes, 1)),
        intent=(
            ("booking", policy.intent_booking),
            ("callback_request", policy.intent_callback),
            ("reschedule", policy.intent_reschedule),
            ("price_question", policy.intent_price),
            ("promo_question", policy.intent_promo),
            ("cancel", policy.intent_cancel),
            ("consultation", policy.intent_consultation),
            ("complaint", policy.intent_other),
            ("other", policy.intent_other),
            ("spam", 0),
        ),
        channel=(
            ("call", policy.channel_call),
            ("form", policy.channel_form),
            ("whatsapp", policy.channel_whatsapp),
            ("telegram", policy.channel_telegram),
            ("max", policy.channel_telegram),
            ("instagram", policy.channel_social),
            ("vk", policy.channel_social),
            ("webchat", policy.channel_social),
            ("email", policy.channel_email),
        ),
        ltv_new=policy.ltv_new,
        ltv_price_max=policy.ltv_price_max,
        ltv_repeat_min=policy.ltv_repeat_min,
        ltv_max=policy.ltv_max,
        high_urgency=policy.high_urgency,
        ad_utm=policy.ad_utm,
        promo=policy.promo,
        price_sensitive=policy.price_sensitive,
        hot_from=policy.hot_from,
        warm_from=policy.warm_from,
    )
    return price_scale(prices, weights)
