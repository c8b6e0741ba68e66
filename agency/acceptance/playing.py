"""Play a scenario on a stage: the client's words go the whole way of a real message, and everything is taken back."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Q
from django_tenants.utils import tenant_context

from agency.acceptance.scenarios import Scenario, Script, Step, Thing
from assistant.models import KnowledgeEntry, Promotion
from booking.models import Appointment
from routing import assignment, config, rehearsing
from routing.models import Lead
from tenants.business.models import Branch, BusinessSettings, Service, StaffMember
from tenants.models import ChannelKind, Tenant

PHONE, NAME = "+79070007788", "Анна"
VISITOR = rehearsing.Visitor(ChannelKind.WEBCHAT, "acceptance-visitor-0001")
WORKDAYS = range(4)  # Monday to Thursday: the next day is a working one too


@dataclass
class Line:
    """What was said, and by whom, for the report."""

    who: str
    text: str


@dataclass
class Outcome:
    scenario: Scenario
    lines: list[Line] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    not_applicable: str = ""  # why it could not be played here, in Russian

    @property
    def passed(self) -> bool:
        return not self.faults and not self.not_applicable


@dataclass
class Heard:
    """What came of one step, for the checks."""

    play: Play
    reply: str = ""
    keys: tuple[str, ...] = ()
    understanding: dict[str, Any] = field(default_factory=dict)
    lead: Lead | None = None
    before: dict[int, Appointment] = field(default_factory=dict)  # visits as they stood before the step

    @property
    def visits(self) -> list[Appointment]:
        return list(Appointment.objects.exclude(status__in=["hold", "expired"]).order_by("pk"))


class NotApplicable(Exception):
    """This business lacks what the scenario speaks of; the message says what, in Russian."""


class Play:
    """One scenario being played. Use `play()`."""

    def __init__(self, script: Script, scenario: Scenario, talk: rehearsing.Rehearsal) -> None:
        self.script, self.scenario, self.talk = script, scenario, talk
        self.outcome = Outcome(scenario)

    @property
    def now(self) -> datetime:
        return self.talk.now

    def run(self) -> Outcome:
        from agency.acceptance.checks import faults_of

        try:
            self._check_needs()
            for number, step in enumerate(self.scenario.steps, start=1):
                heard = self._step(step)
                self.outcome.faults += [f"Шаг {number}: {fault}" for fault in faults_of(heard, step.expect)]
        except NotApplicable as reason:
            self.outcome.not_applicable = str(reason)
        return self.outcome

    # --- What the business has ---

    def service(self, key: str) -> Service:
        """The line of the price list that a thing of the script is."""
        thing = self._thing(key)
        active = Service.objects.filter(is_active=True)
        found = active.filter(name=thing.service).first() or active.filter(synonyms__contains=[thing.nom]).first()
        if found is None:
            raise NotApplicable(f"в прайсе нет услуги «{thing.service}»")
        return found

    def _thing(self, key: str) -> Thing:
        if key not in self.script.things:
            raise NotApplicable(f"для этого направления не названа услуга «{key}»")
        return self.script.things[key]

    @cached_property
    def settings(self) -> BusinessSettings:
        return BusinessSettings.load()

    @cached_property
    def branch(self) -> Branch:
        return Branch.objects.filter(is_active=True).first()

    @property
    def promotions(self) -> list[Promotion]:
        today = self.now.astimezone(self.branch.zone).date()
        begun = Q(starts_on=None) | Q(starts_on__lte=today)
        return list(Promotion.objects.filter(begun, Q(ends_on=None) | Q(ends_on__gte=today), is_active=True))

    @cached_property
    def master(self) -> StaffMember:
        """Somebody who does the main thing in the first branch."""
        skilled = StaffMember.objects.filter(is_active=True, takes_bookings=True, branch=self.branch)
        found = skilled.filter(skills=self.service("main").skill_id).order_by("pk").first()
        if found is None:
            raise NotApplicable("никто не делает эту услугу")
        return found

    def _check_needs(self) -> None:
        has = {
            "promo": bool([promo for promo in self.promotions if promo.code]),
            "knowledge": KnowledgeEntry.objects.filter(is_active=True).exists(),
            "clinical": self.settings.is_clinical,
            "not_clinical": not self.settings.is_clinical,
            "two_branches": Branch.objects.filter(is_active=True).count() > 1,
            "master": True,
        }
        why = {
            "promo": "нет действующих акций с промокодом",
            "knowledge": "база знаний пуста",
            "clinical": "это не клиника",
            "not_clinical": "это клиника",
            "two_branches": "филиал один",
        }
        for need in self.scenario.needs:
            if not has[need]:
                raise NotApplicable(why[need])

    # --- What happens ---

    def _step(self, step: Step) -> Heard:
        self.talk.wait(step.wait or rehearsing.CLIENT_PAUSE)
        before = {visit.pk: visit for visit in Appointment.objects.all()}
        if step.staff:
            came = self._staff_acts(step.staff)
        elif step.client:
            text = self._filled(step.client)
            self.outcome.lines.append(Line("Клиент", text))
            came = self.talk.client_writes(text)
        else:
            came = self.talk.staff_acts(lambda now: None)
        if came.reply:
            self.outcome.lines.append(Line("Ассистент", came.reply))
        self.outcome.faults += [f"работа «{name}» закончилась ошибкой" for name in self.talk.failed]
        self.talk.failed.clear()
        return Heard(self, came.reply, came.keys, came.understanding, came.lead, before)

    def _filled(self, text: str) -> str:
        """The words with this business's own names in them."""
        values: dict[str, Any] = {"phone": PHONE, "name": NAME}
        if "{promo}" in text:
            values["promo"] = next(promo.code for promo in self.promotions if promo.code)
        if "{master}" in text:
            values["master"] = self.master.name.split()[0]
        if "{code}" in text:
            values["code"] = self._code()
        if "{district}" in text:
            other = Branch.objects.filter(is_active=True)[1]
            values["district"] = other.districts[0]
        for key in set(re.findall(r"\{(\w+)\.", text)):
            service = self.service(key)
            thing = self._thing(key)
            values[key] = SimpleNamespace(nom=thing.nom, acc=thing.acc, name=service.name)
        return text.format_map(values)

    def _code(self) -> str:
        """Out of the SMS that waits to be sent."""
        sent = self.talk.deliveries(ChannelKind.SMS)
        found = re.search(r"\b\d{4,6}\b", sent[-1].text) if sent else None
        return found.group() if found else "0000"

    def _staff_acts(self, verb: str) -> rehearsing.Heard:
        lead = self.talk.lead()
        person = lead.owner or StaffMember.objects.filter(is_active=True, role="receptionist").first() or self.master
        acts = {"takes": assignment.take, "hands_back": assignment.hand_back}
        came = self.talk.staff_acts(lambda now: acts[verb](lead, by=person, now=now))
        what = {"takes": "беру разговор на себя", "hands_back": "возвращаю разговор ассистенту"}[verb]
        self.outcome.lines.append(Line(f"Сотрудник ({person.name})", what))
        return came


def play(tenant: Tenant, script: Script, scenario: Scenario, *, now: datetime) -> Outcome:
    """Play one scenario on a stage (`rehearsal.stage`) and take everything back."""
    with tenant_context(tenant):
        start = ordinary_day(scenario, now=now)
        with rehearsing.rehearsal_of(VISITOR, start=start) as talk:
            Tenant.objects.filter(pk=tenant.pk).update(closed_at=None)  # work is done for open businesses alone
            outcome = Play(script, scenario, talk).run()
    connection.set_schema_to_public()
    return outcome


def ordinary_day(scenario: Scenario, *, now: datetime) -> datetime:
    """The scenario's hour on the next working day after which another one comes, at the first branch."""
    settled = config.load()
    branch = settled.branches[0]
    calendar = settled.calendars[branch.pk]
    day = now.astimezone(branch.zone).date()
    for _ in range(28):
        day += timedelta(days=1)
        noon = datetime(day.year, day.month, day.day, 11, tzinfo=branch.zone)
        if day.weekday() in WORKDAYS and calendar.is_open(noon) and calendar.is_open(noon + timedelta(days=1)):
            return datetime.combine(day, scenario.at, branch.zone)
    raise NotApplicable("нет двух рабочих дней подряд")


def zone_of(tenant: Tenant) -> ZoneInfo:
    """Zone of the business's first branch."""
    with tenant_context(tenant):
        return config.load().branches[0].zone
