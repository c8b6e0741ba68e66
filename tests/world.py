"""People of the tests: the salon «Весна» (Anna and Boris at the desk, Olga and Marina at work) and its neighbour."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, time
from functools import cached_property
from typing import Any

from django.db import connection
from django.test import Client as Browser
from django_tenants.utils import tenant_context

from tenants.business.models import (
    Branch,
    BusinessSettings,
    MatrixCell,
    OpeningHours,
    Service,
    Shift,
    Skill,
    StaffMember,
)
from tenants.models import Agency, AgencyMembership, HookKey, Membership, Tenant, User
from tenants.provisioning import open_tenant
from tests.clock import Clock

MONDAY = date(2026, 1, 5)
PASSWORD = "pass-for-tests-1"

# stage -> {role: letter}
MATRIX = {
    "first_contact": {"assistant": "R", "receptionist": "R", "manager": "C", "senior": "A", "owner": "I"},
    "qualification": {"assistant": "R", "receptionist": "R", "senior": "A"},
    "booking": {"assistant": "R", "receptionist": "R", "specialist": "C", "senior": "A"},
    "confirmation": {"assistant": "R", "receptionist": "R", "senior": "A"},
    "reminder": {"assistant": "R", "senior": "A", "receptionist": "I"},
    "no_show": {"receptionist": "R", "senior": "A"},
    "nurture": {"marketing": "R", "senior": "A"},
    "complaint": {"senior": "R", "owner": "A"},
    "data_request": {"senior": "R", "owner": "A"},
}


def make_businesses() -> None:
    """Agency, «Весна» and «Соседний салон», committed once for the run."""
    agency = Agency.objects.create(name="Агентство «Маяк»")
    operator = User.objects.create_user("agent@mayak.test", PASSWORD, name="Агент", is_staff=True)
    AgencyMembership.objects.create(agency=agency, user=operator, role="operator")
    for slug, name in (("vesna", "Весна"), ("sosed", "Соседний салон")):
        tenant = open_tenant(slug=slug, name=name, agency=agency, trade="salon", city="ufa")
        with tenant_context(tenant):
            _furnish(tenant, name)


def _furnish(tenant: Tenant, name: str) -> None:
    from channels_app.models import ChannelAccount

    branch = Branch.objects.create(
        name=f"{name} на Ленина",
        city="ufa",
        address="Уфа, ул. Ленина, 1",
        timezone="Asia/Yekaterinburg",
        districts=["Центр"],
    )
    for weekday in range(7):
        OpeningHours.objects.create(branch=branch, weekday=weekday, start=time(9), end=time(21))
    hair, nails = Skill.objects.create(name="Волосы"), Skill.objects.create(name="Ногти")
    people = [
        ("Анна", "receptionist", (), False),
        ("Борис", "receptionist", (), False),
        ("Светлана", "senior", (), False),
        ("Виктор", "owner", (), False),
        ("Мила", "marketing", (), False),
        ("Ольга", "specialist", (hair,), True),
        ("Марина", "specialist", (nails,), True),
    ]
    staff = {}
    for who, role, skills, takes in people:
        latin = {"Анна": "anna", "Борис": "boris", "Светлана": "svetlana", "Виктор": "viktor", "Мила": "mila"}.get(who)
        user = User.objects.create_user(f"{latin}@{tenant.slug}.test", PASSWORD, name=who) if latin else None
        if user:
            Membership.objects.create(tenant=tenant, user=user, role=role)
        member = StaffMember.objects.create(name=who, role=role, branch=branch, user=user, takes_bookings=takes)
        member.skills.set(skills)
        staff[who] = member
        for offset in range(7):
            Shift.objects.create(
                staff=member,
                branch=branch,
                anchor_date=MONDAY,
                cycle_days=7,
                offset_day=offset,
                start=time(9),
                end=time(21),
            )
    BusinessSettings.objects.create(
        pk=1,
        public_name=name,
        burst_window_ms=0,
        burst_limit_ms=0,
        backup_staff=staff["Светлана"],
        quiet_from=time(21),
        quiet_to=time(9),
    )
    for position, (title, skill, minutes, price, words) in enumerate(
        [
            ("Женская стрижка", hair, 60, 150_000, ["стрижка", "подстричься", "подровнять кончики"]),
            ("Окрашивание", hair, 120, 350_000, ["покраска", "покрасить волосы", "окраска"]),
            ("Маникюр", nails, 90, 180_000, ["ногти", "маник", "гель-лак"]),
            ("Педикюр", nails, 90, 220_000, []),
        ]
    ):
        Service.objects.create(
            name=title,
            category=skill.name,
            skill=skill,
            duration_minutes=minutes,
            price_kopecks=price,
            synonyms=words,
            position=position,
        )
    MatrixCell.objects.bulk_create(
        MatrixCell(stage=stage, role=role, letter=letter)
        for stage, row in MATRIX.items()
        for role, letter in row.items()
    )
    for kind, title in (("telegram", "Бот"), ("webchat", "Чат на сайте"), ("form", "Форма"), ("sms", "СМС")):
        credentials = {
            "telegram": {"token": f"1000{tenant.pk}:AAAAtestTOKENtestTOKENtestTOKENtest", "secret": "s3cret"},
            "sms": {"login": "vesna", "password": "sms-pass"},
        }.get(kind, {})
        account = ChannelAccount.objects.create(kind=kind, name=title, credentials=credentials, branch=branch)
        if kind != "sms":
            HookKey.objects.create(
                key=f"{tenant.slug}-{kind}",
                kind=kind,
                tenant=tenant,
                account_id=account.pk,
                secret=credentials.get("secret", ""),
            )


@dataclass
class Business:
    """One business as a test sees it."""

    tenant: Tenant
    clock: Clock
    _updates: int = field(default=0)

    @classmethod
    def find(cls, slug: str, clock: Clock) -> Business:
        return cls(Tenant.objects.get(slug=slug), clock)

    @classmethod
    @contextmanager
    def enter(cls, slug: str, clock: Clock) -> Iterator[Business]:
        business = cls.find(slug, clock)
        with tenant_context(business.tenant):
            yield business
        connection.set_schema_to_public()

    def inside(self) -> Any:
        """Context manager: the ORM speaks of this business."""
        return tenant_context(self.tenant)

    def person(self, name: str) -> StaffMember:
        return StaffMember.objects.get(name=name)

    def service(self, name: str) -> Service:
        return Service.objects.get(name=name)

    @property
    def anna(self) -> StaffMember:
        return self.person("Анна")

    @property
    def boris(self) -> StaffMember:
        return self.person("Борис")

    @property
    def svetlana(self) -> StaffMember:
        return self.person("Светлана")

    @property
    def olga(self) -> StaffMember:
        return self.person("Ольга")

    @property
    def marina(self) -> StaffMember:
        return self.person("Марина")

    @cached_property
    def branch(self) -> Branch:
        return Branch.objects.get()

    def browser(self, who: str) -> Browser:
        """A logged-in test client of `anna`, `boris`, `svetlana`, `viktor` (owner), `mila` (marketing)."""
        browser = Browser()
        browser.force_login(User.objects.get(email=f"{who}@{self.tenant.slug}.test"))
        return browser

    def url(self, path: str) -> str:
        return f"/t/{self.tenant.slug}/{path.lstrip('/')}"

    # --- Clients write ---

    def receives(self, kind: str, text: str, *, client: int = 501, name: str = "Клиентка", settle: bool = True) -> Any:
        """A client's message comes in by the real webhook; due work runs; the client's newest lead."""
        answer = self.post(kind, text, client=client, name=name)
        assert answer.status_code == 200, answer.content
        if settle:
            self.clock.settle()
        return self.lead(client, kind)

    def post(self, kind: str, text: str, *, client: int = 501, name: str = "Клиентка") -> Any:
        """The provider's POST of one message."""
        self._updates += 1
        number = self._updates
        if kind == "telegram":
            body = {
                "update_id": 7_000_000 + number,
                "message": {
                    "message_id": number,
                    "date": int(self.clock.now().timestamp()),
                    "chat": {"id": client, "type": "private"},
                    "from": {"id": client, "is_bot": False, "first_name": name},
                    "text": text,
                },
            }
            headers = {"X-Telegram-Bot-Api-Secret-Token": "s3cret"}
        else:
            body = {"visitor": f"{client:032x}", "client_key": f"key-{number:04d}-{client}", "text": text}
            headers = {}
        path = f"/hooks/{kind}/{self.tenant.slug}-{kind}/"
        return Browser().post(path, json.dumps(body), content_type="application/json", headers=headers)

    def lead(self, client: int = 501, kind: str = "telegram") -> Any:
        """The newest lead of a client, read anew."""
        from channels_app.adapters.webchat import visitor_id
        from routing.models import Lead

        who = visitor_id(f"{client:032x}") if kind == "webchat" else str(client)
        rows = Lead.objects.filter(conversation__identity__external_id=who)
        return rows.select_related("owner", "contact", "conversation").order_by("-id").first()

    def heard(self, client: int = 501) -> list[str]:
        """What the business said to a client of Telegram, oldest first."""
        from contacts.models import Message

        told = Message.objects.filter(author__in=["assistant", "staff"])  # notes are for colleagues
        said = told.filter(conversation__identity__external_id=str(client))
        return list(said.order_by("id").values_list("text", flat=True))
