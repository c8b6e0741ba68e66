"""Bring up a business from its pack: everything that its own schema needs to answer, book and route.

Each piece is looked for by its natural key and made where it is missing. What stands already is the owner's and is left
as it is, so a second run changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta

import holidays
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django_tenants.utils import tenant_context

from agency.packs import load_city, load_trade
from agency.packs.shapes import BranchDef, BusinessPack, HolidayPolicy, StaffDef
from assistant.models import KnowledgeEntry, Promotion
from routing import config
from routing.models import ScorePolicy, SlaPolicy
from tenants.business.models import (
    Branch,
    BusinessSettings,
    DateException,
    MatrixCell,
    MessageTemplate,
    OpeningHours,
    Service,
    Shift,
    Skill,
    StaffMember,
    Upsell,
)
from tenants.business.responsibility import save_matrix
from tenants.models import Membership, Role, Tenant, User

DAY = timedelta(days=1)
A_MONDAY = date(2026, 1, 5)  # weeks of shifts are counted from it
USUAL_HOURS = (time(10), time(20))  # of a branch that its owner has not described yet
EARLIER = timedelta(days=60)  # special days are entered from here on, so that the past of a moved business is right


def apply_business(tenant: Tenant, pack: BusinessPack, *, now: datetime, password: str | None) -> None:
    """Fill an open tenant from a pack, in one transaction. Promotions run from the local day of `now`.

    `password` is for the people who have no login yet; None: they set one by a reset mail.
    """
    with tenant_context(tenant), transaction.atomic():
        branches, skills = _branches(pack, now=now), _skills(pack)
        hashed = make_password(password)  # once: it is slow on purpose
        staff = [_person(tenant, person, branches, skills, hashed) for person in pack.staff]
        _work(pack, skills, now=now)
        _settings(pack, staff)
        config.forget_all()


def apply_trade(tenant: Tenant, *, now: datetime) -> None:
    """Fill a business opened a moment ago with what its trade and city bring, so that it can be booked into at once.

    Its places and people are only a beginning for the owner to edit: one branch open from ten to eight, the owner, who
    stands in where nobody took a lead, and one specialist of every skill. The trade's promotions wait, switched off,
    until the owner agrees to give them. A business that has a branch already is left alone."""
    pack = _starting_pack(tenant)
    with tenant_context(tenant), transaction.atomic():
        if Branch.objects.exists():
            return
        [branch], skills = _branches(pack, now=now).values(), _skills(pack)
        owner = _owner(tenant, branch)
        _specialist(branch, skills)
        _work(pack, skills, now=now)
        _settings(pack, [])
        BusinessSettings.objects.filter(pk=1, backup_staff=None).update(backup_staff=owner)
        config.forget_all()


def _starting_pack(tenant: Tenant) -> BusinessPack:
    trade, city = load_trade(tenant.trade), load_city(tenant.city)
    branch = BranchDef(
        key="main",
        name=tenant.name,
        address=city.name,
        phone="",
        districts=(),
        how_to_find="",
        hours=((USUAL_HOURS,),) * 7,
        holidays=HolidayPolicy(policy="closed", hours=(), closed_on=()),
    )
    return BusinessPack(
        slug=tenant.slug,
        name=tenant.name,
        about="",
        invented=False,
        city=city,
        trades=(trade,),
        services=trade.services,
        branches=(branch,),
        staff=(),
        channels=(),
    )


def _skills(pack: BusinessPack) -> dict[str, Skill]:
    return {skill.key: Skill.objects.get_or_create(name=skill.name)[0] for skill in pack.skills}


def _work(pack: BusinessPack, skills: dict[str, Skill], *, now: datetime) -> None:
    """What is sold, who answers for what, and what is said."""
    _services(pack, skills)
    if not MatrixCell.objects.exists():
        save_matrix(pack.matrix, by=None, now=now)
    _answers(pack)
    _promotions(pack, now=now)


# --- Places and their hours -----------------------------------------------------------------------------------------


def _branches(pack: BusinessPack, *, now: datetime) -> dict[str, Branch]:
    """Branches with hours and special days, by the pack's key."""
    found = {}
    for position, told in enumerate(pack.branches):
        branch, is_new = Branch.objects.get_or_create(
            name=told.name,
            defaults={
                "city": pack.city.key,
                "address": told.address,
                "timezone": pack.city.timezone,
                "phone": told.phone,
                "districts": list(told.districts),
                "works_on_holidays": told.holidays.policy == "open",
                "position": position,
            },
        )
        if is_new:
            OpeningHours.objects.bulk_create(
                OpeningHours(branch=branch, weekday=weekday, start=start, end=end)
                for weekday, hours in enumerate(told.hours)
                for start, end in hours
            )
        _special_days(branch, told, now=now)
        found[told.key] = branch
    return found


def _special_days(branch: Branch, told: BranchDef, *, now: datetime) -> None:
    """The holiday policy as dates, for this year and the next; a date that has rows already keeps them."""
    today = now.astimezone(branch.zone).date()
    known = set(branch.exceptions.values_list("date", flat=True))
    DateException.objects.bulk_create(
        row for row in _holiday_rows(branch, told, (today - EARLIER).year, today.year + 1) if row.date not in known
    )


def _holiday_rows(branch: Branch, told: BranchDef, first_year: int, last_year: int) -> Iterator[DateException]:
    """Closed days of the policy, and short hours on holidays whose weekday is worked at all."""
    state = holidays.country_holidays("RU", years=range(first_year, last_year + 1), language="ru")
    policy: HolidayPolicy = told.holidays
    for day in _days(first_year, last_year):
        if not told.hours[day.weekday()]:
            continue
        if (day.month, day.day) in policy.closed_on:
            yield DateException(branch=branch, date=day, note=state.get(day) or "Выходной")
        elif policy.policy == "short" and day in state:
            for start, end in policy.hours:
                yield DateException(branch=branch, date=day, start=start, end=end, note=(state.get(day) or "")[:120])


def _days(first_year: int, last_year: int) -> Iterator[date]:
    day = date(first_year, 1, 1)
    while day.year <= last_year:
        yield day
        day += DAY


# --- People and what they do ------------------------------------------------------------------------------------------


def _person(
    tenant: Tenant,
    told: StaffDef,
    branches: dict[str, Branch],
    skills: dict[str, Skill],
    hashed_password: str,
) -> StaffMember:
    user, _ = User.objects.get_or_create(email=told.email, defaults={"name": told.name, "password": hashed_password})
    Membership.objects.get_or_create(tenant=tenant, user=user, defaults={"role": told.role})
    member, is_new = StaffMember.objects.get_or_create(
        user=user,
        defaults={
            "name": told.name,
            "role": told.role,
            "position": told.position,
            "branch": branches[told.branch],
            "load_cap": told.load_cap,
            "takes_bookings": told.takes_bookings,
            "phone": told.phone,
        },
    )
    if is_new:
        member.skills.set(skills[key] for key in told.skills)
        Shift.objects.bulk_create(
            Shift(
                staff=member,
                branch=branches[shift.branch],
                anchor_date=shift.anchor_date,
                cycle_days=shift.cycle_days,
                offset_day=shift.offset_day,
                start=shift.start,
                end=shift.end,
                break_start=shift.break_start,
                break_end=shift.break_end,
            )
            for shift in told.shifts
        )
    return member


def _owner(tenant: Tenant, branch: Branch) -> StaffMember | None:
    """None: the business has no owner who could enter it."""
    membership = Membership.objects.filter(tenant=tenant, role=Role.OWNER).select_related("user").order_by("pk").first()
    if membership is None:
        return None
    user = membership.user
    return StaffMember.objects.create(name=user.name or "Владелец", role=Role.OWNER, branch=branch, user=user)


def _specialist(branch: Branch, skills: dict[str, Skill]) -> None:
    """Somebody to book to, at work whenever the branch is open."""
    person = StaffMember.objects.create(
        name="Специалист", role=Role.SPECIALIST, branch=branch, takes_bookings=True, load_cap=3
    )
    person.skills.set(skills.values())
    start, end = USUAL_HOURS
    Shift.objects.bulk_create(
        Shift(staff=person, branch=branch, anchor_date=A_MONDAY, cycle_days=7, offset_day=day, start=start, end=end)
        for day in range(7)
    )


def _services(pack: BusinessPack, skills: dict[str, Skill]) -> None:
    known = set(Service.objects.values_list("name", flat=True))
    Service.objects.bulk_create(
        Service(
            name=told.name,
            category=told.category,
            skill=skills[told.skill],
            duration_minutes=told.duration_minutes,
            buffer_minutes=told.buffer_minutes,
            price_kopecks=told.price_kopecks,
            price_to_kopecks=told.price_to_kopecks,
            synonyms=list(told.synonyms),
            cycle_days=told.cycle_days,
            position=position,
        )
        for position, told in enumerate(pack.services)
        if told.name not in known
    )
    _upsells(pack, skip=known)


def _upsells(pack: BusinessPack, *, skip: set[str]) -> None:
    """What is offered with the services that were new; the owner's own choice for the others stays."""
    by_name = {service.name: service for service in Service.objects.all()}
    Upsell.objects.bulk_create(
        Upsell(service=by_name[told.service], offer=by_name[told.offer], text=told.text, position=position)
        for position, told in enumerate(pack.upsells)
        if told.service not in skip and told.service != told.offer
    )


# --- What is said -----------------------------------------------------------------------------------------------------


def _answers(pack: BusinessPack) -> None:
    """Ready answers, and the pack's own wording of texts."""
    told = [(entry.question, entry.answer) for entry in pack.knowledge]
    if directions := _directions(pack):
        told.append(("Как вас найти?", directions))
    known = set(KnowledgeEntry.objects.values_list("question", flat=True))
    KnowledgeEntry.objects.bulk_create(
        KnowledgeEntry(question=question, answer=answer, position=position)
        for position, (question, answer) in enumerate(told)
        if question not in known
    )
    own = set(MessageTemplate.objects.values_list("key", flat=True))
    MessageTemplate.objects.bulk_create(
        MessageTemplate(key=key, text=text) for key, text in pack.texts.items() if key not in own
    )


def _directions(pack: BusinessPack) -> str:
    if len(pack.branches) == 1:
        return pack.branches[0].how_to_find
    return "\n".join(f"{branch.name}: {branch.how_to_find}" for branch in pack.branches)


def _promotions(pack: BusinessPack, *, now: datetime) -> None:
    """Those of a real business are its owner's promises, so the owner switches them on."""
    today = now.astimezone(Branch.objects.earliest("position", "pk").zone).date()
    known = set(Promotion.objects.values_list("code", flat=True))
    Promotion.objects.bulk_create(
        Promotion(
            title=promo.text,
            code=promo.code,
            starts_on=today,
            ends_on=today + promo.valid_days * DAY,
            is_active=pack.invented,
        )
        for promo in pack.promos
        if promo.code not in known
    )


# --- How it works -----------------------------------------------------------------------------------------------------


def _settings(pack: BusinessPack, staff: list[StaffMember]) -> None:
    """Settings, score and clocks with the product's defaults; the senior stands in where nobody took a lead."""
    BusinessSettings.objects.get_or_create(
        pk=1,
        defaults={
            "public_name": pack.name,
            "is_clinical": pack.clinical,
            "backup_staff": next((person for person in staff if person.role == Role.SENIOR), None),
        },
    )
    ScorePolicy.objects.get_or_create(pk=1)
    SlaPolicy.objects.get_or_create(pk=1)
