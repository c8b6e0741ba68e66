"""Play a scenario on a stage: the client's words go the whole way of a real message, and everything is taken back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.db.models import Q
from django_tenants.utils import tenant_context

from agency.acceptance.scenarios import Scenario, Script, Step, Thing
from assistant.models import KnowledgeEntry, Promotion
from booking.models import Appointment
from channels_app.models import ChannelAccount, Delivery, InboundEvent
from contacts.models import Message
from leadhub import clock
from leadhub.work.handlers import find
from leadhub.work.models import DueWork
from leadhub.work.running import run_row
from routing import assignment, config, pipeline
from routing.models import Decision, Lead
from tenants.business.models import Branch, BusinessSettings, Service, StaffMember, Upsell
from tenants.models import ChannelKind, Tenant

PHONE, NAME, VISITOR = "+79070007788", "Анна", "acceptance-visitor-0001"
SECONDS_BETWEEN = timedelta(seconds=20)  # a client reads and types
IN_A_BURST = timedelta(milliseconds=400)  # between messages sent in a row
ANSWERED_BY = timedelta(seconds=3)  # time that the burst of messages may wait for its end
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
    is_repeated: bool = False  # the very same was said before
    by_itself: list[str] = field(default_factory=list)  # what was said while nobody wrote: reminders
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

    def __init__(self, tenant: Tenant, script: Script, scenario: Scenario, *, start: datetime) -> None:
        self.tenant, self.script, self.scenario, self.now = tenant, script, scenario, start
        self.outcome = Outcome(scenario)
        self._number = 0

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
            "upsell": Upsell.objects.filter(service=self.service("main")).exists(),
        }
        why = {
            "promo": "нет действующих акций с промокодом",
            "knowledge": "база знаний пуста",
            "clinical": "это не клиника",
            "not_clinical": "это клиника",
            "two_branches": "филиал один",
            "upsell": "к этой услуге ничего не предлагают",
        }
        for need in self.scenario.needs:
            if not has[need]:
                raise NotApplicable(why[need])

    # --- What happens ---

    def _step(self, step: Step) -> Heard:
        before = Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self._wait(step.wait or SECONDS_BETWEEN)
        heard = Heard(self, before={visit.pk: visit for visit in Appointment.objects.all()})
        heard.by_itself = list(Message.objects.filter(pk__gt=before).order_by("pk").values_list("text", flat=True))
        self.outcome.lines += [Line("Ассистент (сам)", text) for text in heard.by_itself]
        last = Message.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        told = Decision.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        for text in step.client:
            self._client_writes(self._filled(text))
            self.now += IN_A_BURST if len(step.client) > 1 else timedelta(0)
        if step.form:
            self._client_fills_in({field: self._filled(value) for field, value in step.form.items()})
        if step.staff:
            self._staff_acts(step.staff)
        self._wait(ANSWERED_BY)
        said = Message.objects.filter(pk__gt=last).exclude(author=Message.Author.CLIENT).order_by("pk")
        heard.reply = "\n\n".join(said.values_list("text", flat=True))
        if heard.reply:
            heard.is_repeated = any(heard.reply == line.text for line in self.outcome.lines)
            self.outcome.lines.append(Line("Ассистент", heard.reply))
        answers = Decision.objects.filter(pk__gt=told, kind="answered").order_by("pk")
        heard.keys = tuple(key for answer in answers for key in _keys(answer))
        mine = Message.objects.filter(author=Message.Author.CLIENT).order_by("-pk").first()
        heard.understanding = mine.understanding or {} if mine else {}
        heard.lead = self.lead()
        return heard

    def lead(self) -> Lead | None:
        return Lead.objects.select_related("owner", "conversation", "contact").order_by("-pk").first()

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
        sms = Delivery.objects.filter(account__kind=ChannelKind.SMS).order_by("-pk").first()
        found = re.search(r"\b\d{4,6}\b", sms.text) if sms else None
        return found.group() if found else "0000"

    def _client_writes(self, text: str) -> None:
        self.outcome.lines.append(Line("Клиент", text))
        self._comes(ChannelKind.WEBCHAT, {"visitor": VISITOR, "client_key": f"{self._number}", "text": text})

    def _client_fills_in(self, fields: dict[str, str]) -> None:
        self.outcome.lines.append(Line("Заявка с сайта", "\n".join(f"{key}: {value}" for key, value in fields.items())))
        self._comes(ChannelKind.FORM, fields)

    def _comes(self, kind: str, body: dict[str, str]) -> None:
        self._number += 1
        event = InboundEvent.objects.create(
            account=ChannelAccount.objects.get(kind=kind),
            event_key=f"acceptance-{self._number}",
            body=json.dumps(body).encode(),
            content_type="application/json",
            received_at=self.now,
        )
        with clock.standing_at(self.now):
            pipeline.receive_event(event.pk, now=self.now)

    def _staff_acts(self, verb: str) -> None:
        lead = self.lead()
        person = lead.owner or StaffMember.objects.filter(is_active=True, role="receptionist").first() or self.master
        with clock.standing_at(self.now):
            if verb == "takes":
                assignment.take(lead, by=person, now=self.now)
            else:
                assignment.hand_back(lead, by=person, now=self.now)
        what = {"takes": "беру разговор на себя", "hands_back": "возвращаю разговор ассистенту"}[verb]
        self.outcome.lines.append(Line(f"Сотрудник ({person.name})", what))

    def _wait(self, pause: timedelta) -> None:
        """Time passes; work that falls due on the way is done at its own moment. Nothing leaves: what would call the
        outside stays owed."""
        end = self.now + pause
        tried: set[int] = set()
        while row := self._next_due(end, tried):
            tried.add(row.pk)
            self.now = max(self.now, row.due_at)
            if find(row.handler).kind == "outside":
                continue
            with clock.standing_at(self.now):
                run_row(row.pk, row.handler, row.schema)
            if DueWork.objects.filter(pk=row.pk).exclude(last_error="").exists():
                self.outcome.faults.append(f"работа «{row.handler}» закончилась ошибкой")
        self.now = end

    def _next_due(self, end: datetime, tried: Iterable[int]) -> DueWork | None:
        owed = DueWork.objects.filter(schema=self.tenant.schema_name, failed_at=None, due_at__lte=end)
        return owed.exclude(pk__in=tried).order_by("due_at", "pk").first()


def _keys(answer: Decision) -> list[str]:
    lines = [line["value"] for line in answer.details if line["name"] == "Тексты"]
    return [key.strip() for line in lines for key in line.split(",")]


def play(tenant: Tenant, script: Script, scenario: Scenario, *, now: datetime) -> Outcome:
    """Play one scenario on a stage (`rehearsal.stage`) and take everything back."""
    with tenant_context(tenant), transaction.atomic():
        start = ordinary_day(scenario, now=now)
        Tenant.objects.filter(pk=tenant.pk).update(closed_at=None)  # work is done for open businesses alone
        outcome = Play(tenant, script, scenario, start=start).run()
        transaction.set_rollback(True)
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
