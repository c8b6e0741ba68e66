"""The card beside the open conversation: who the client is, why this score and this person, free times, tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from assistant import words
from assistant.understanding import INTENTS
from booking import queries as booking_queries
from booking.models import Appointment, minutes_of, moment_of
from booking.openings import Opening
from contacts import phones_proof
from contacts.models import Consent, Contact, Identity, Message
from routing import config as configs
from routing import leads, queries, talks, timeline
from routing.card_rows import (
    AppointmentView,
    CardView,
    ConsentView,
    ContactView,
    CrmView,
    IdentityView,
    OpeningDay,
    OpeningsView,
    OpeningView,
    UnderstoodView,
)
from routing.models import Decision, Lead
from routing.record_rows import CandidateView, DecisionView, ScorePart, ScoreStep, ScoreView
from routing.rows import Choice
from routing.scoring import INTENT_TITLES
from tenants.access import Member
from tenants.business.models import Service, StaffMember, Stage

PART_COLOURS = frozenset({"recency", "intent", "channel", "ltv"})
AHEAD_DAYS = 14  # days that are looked through for free times
SHOWN_DAYS = 3  # of them, with free times
SHOWN_A_DAY = 9  # starts; a chosen day, and any day of a chosen person, shows all
HISTORY = 40
_CHOICES = frozenset({"assigned", "routed", "needs_call"})
_Status = Appointment.Status


def card_view(lead: Lead, member: Member, *, now: datetime, crm: CrmView) -> CardView:
    """The lead comes from `access.lead_for`; `crm` from the room above, which knows the portal."""
    actions = talks.actions_of(lead, member)
    telling = talks.telling_message(lead)
    decisions = list(lead.decisions.order_by("-pk")[:HISTORY])
    return CardView(
        lead_id=lead.pk,
        contact=contact_view(lead, now=now),
        score=score_view(lead, decisions),
        understood=understood_view(telling.understanding if telling else None, talks.zone_of(lead), now=now),
        decision=decision_view(decisions),
        openings=openings_view(lead, now=now) if actions.book else _no_openings(lead),
        appointments=_appointments(lead.contact, now=now),
        tasks=tuple(_tasks(lead, member, now=now)),
        consents=_consents(lead.contact),
        crm=crm,
        actions=actions,
        tags=tuple(leads.tag_title(tag) for tag in lead.tags),
        source_title=_source(lead),
        page_url=lead.page,
        promo=lead.promo,
        utm=tuple((name, value) for name, value in _utm(lead) if value),
        campaign=lead.campaign.name if lead.campaign else "",
        first_at=lead.created_at,
        stage_title=str(Stage(lead.stage).label),
        record=timeline.record_view(lead, now=now, limit=HISTORY),
    )


# --- The client ------------------------------------------------------------------------------------------------------


def contact_view(lead: Lead, *, now: datetime) -> ContactView:
    contact, identity = lead.contact, lead.conversation.identity
    past = leads.past_of(contact, now=now)
    phone = contact.phone or identity.claimed_phone
    last_visit = contact.appointments.filter(status=_Status.ARRIVED).order_by("-starts_at").first()
    others = Lead.objects.filter(contact=contact, status__in=["open", "needs_call"]).exclude(pk=lead.pk).count()
    return ContactView(
        id=contact.pk,
        name=contact.name or identity.display_name,
        phone=phone,
        phone_title=words.phone(phone),
        is_phone_proven=phones_proof.is_proven(identity) or lead.kind == "form" and identity.external_id == phone,
        visits=past.visits,
        no_shows=past.no_shows,
        revenue_kopecks=past.revenue_kopecks,
        last_visit_at=last_visit.starts_at if last_visit else None,
        is_vip=contact.is_vip,
        other_open_leads=others,
        identities=tuple(
            IdentityView(each.kind, each.get_kind_display(), _handle(each))
            for each in contact.identities.order_by("pk")
        ),
    )


def _handle(identity: Identity) -> str:
    """A visitor of the site has no name there, only a long number made by the browser."""
    number = identity.external_id
    return identity.display_name or (f"посетитель {number[:6]}" if identity.kind == "webchat" else number)


def _consents(contact: Contact) -> tuple[ConsentView, ...]:
    given = {}
    for consent in contact.consents.filter(withdrawn_at=None).order_by("given_at"):
        given[consent.purpose] = consent
    titles = dict(Consent._meta.get_field("purpose").choices)
    shown = ["data", *(["offers"] if "offers" in given else [])]
    return tuple(
        ConsentView(titles[purpose].capitalize(), given[purpose].given_at, given[purpose].text_version)
        if purpose in given
        else ConsentView(titles[purpose].capitalize(), None)
        for purpose in shown
    )


def _source(lead: Lead) -> str:
    return " · ".join(part for part in (lead.get_kind_display(), lead.utm_source) if part)


def _utm(lead: Lead) -> list[tuple[str, str]]:
    return [
        ("Канал рекламы", lead.utm_medium),
        ("Кампания", lead.utm_campaign),
        ("Объявление", lead.utm_content),
        ("Запрос", lead.utm_term),
    ]


def _appointments(contact: Contact, *, now: datetime) -> tuple[AppointmentView, ...]:
    """What is ahead, soonest first, then the last visits; a cancelled one only while it would be ahead."""
    rows = contact.appointments.exclude(status__in=[_Status.HOLD, _Status.EXPIRED])
    rows = rows.exclude(status=_Status.CANCELLED, starts_at__lt=now)
    found = list(rows.select_related("staff").prefetch_related("services").order_by("-starts_at")[:6])
    ahead = [row for row in reversed(found) if row.starts_at >= now]
    return tuple(appointment_view(row) for row in ahead + [row for row in found if row.starts_at < now])


def appointment_view(row: Appointment) -> AppointmentView:
    return AppointmentView(
        id=row.pk,
        start=row.starts_at,
        end=row.ends_at,
        service_title=", ".join(service.name for service in row.services.all()),
        staff_name=row.staff.name,
        status=row.status,
        status_title=row.get_status_display(),
    )


def _tasks(lead: Lead, member: Member, *, now: datetime) -> list:
    tasks = lead.tasks.select_related("staff").order_by("done_at", "due_at")[:10]
    for task in tasks:
        task.lead = lead
    return [queries.task_view(task, member, now=now, alone=False) for task in tasks]


# --- Why -------------------------------------------------------------------------------------------------------------


def score_view(lead: Lead, decisions: Sequence[Decision]) -> ScoreView:
    weights = configs.load().weights
    parts = tuple(
        ScorePart(
            part["key"] if part["key"] in PART_COLOURS else "modifier",
            part["title"].capitalize(),
            part["points"],
            part["limit"],
            part["reason"],
        )
        for part in lead.score_parts
    )
    decided = next((line.created_at for line in decisions if line.kind == "scored"), None)
    temperature = "spam" if lead.status == Lead.Status.QUARANTINE else lead.temperature
    history = _score_history(decisions)
    return ScoreView(lead.score, temperature, parts, weights.hot_from, weights.warm_from, decided, history)


def _score_history(decisions: Sequence[Decision]) -> tuple[ScoreStep, ...]:
    """Oldest first, from decisions that are newest first."""
    steps = []
    for line in reversed(decisions):
        total = leads.score_told(line.title) if line.kind == "scored" else None
        if total is not None:
            cause = next((detail["value"] for detail in line.details if detail["name"] == "Почему"), "")
            told = line.title.partition(": ")[2]
            steps.append(ScoreStep(line.created_at, total, f"{cause}: {told}" if cause else told))
    return tuple(steps)


def decision_view(decisions: Sequence[Decision]) -> DecisionView | None:
    """The newest choice of who answers: its rule, its reason, and everybody it could have been. Newest first."""
    line = next((line for line in decisions if line.kind in _CHOICES), None)
    if line is None:
        return None
    reason = next((detail["value"] for detail in line.details if detail["name"] == "Почему"), "")
    candidates = tuple(
        CandidateView(detail["name"].removeprefix("→ "), detail["name"].startswith("→ "), detail["value"])
        for detail in line.details
        if detail["name"] != "Почему"
    )
    title, version = _rule_of(line, reason, decisions)
    return DecisionView(line.created_at, title, version, line.title, reason, candidates)


def _rule_of(choice: Decision, reason: str, decisions: Sequence[Decision]) -> tuple[str, int | None]:
    """Name and version of the rule that the choice names as its reason; ("", None): no rule chose."""
    for line in decisions:
        if line.kind == "rule" and line.pk < choice.pk and line.title == reason:
            versions = (detail["value"] for detail in line.details if detail["name"] == "Версия правил")
            version = next(versions, "")
            return reason.removeprefix("Правило «").removesuffix("»"), int(version) if version.isdigit() else None
    return "", None


def understood_view(told: Mapping[str, Any] | None, zone: ZoneInfo, *, now: datetime) -> UnderstoodView | None:
    if not told:
        return None
    intent = told.get("corrected_intent") or told["intent"]
    return UnderstoodView(
        intent=intent,
        intent_title=INTENT_TITLES.get(intent, intent),
        confidence_percent=100 if "corrected_intent" in told else round(told["confidence"] * 100),
        is_sure="corrected_intent" in told or told["confidence"] >= configs.load().settings.confidence_threshold,
        slots=talks.slot_views(told, zone, now=now),
        reasons=tuple(told.get("reasons", ())),
        intents=tuple(Choice(key, INTENT_TITLES[key], key == intent) for key in INTENTS),
        was_corrected="corrected_intent" in told,
    )


# --- Free times ------------------------------------------------------------------------------------------------------


def openings_view(
    lead: Lead,
    *,
    now: datetime,
    service_id: int | None = None,
    staff_id: int | None = None,
    day: date | None = None,
    is_chosen: bool = False,
    error: str = "",
    moving: Appointment | None = None,
) -> OpeningsView:
    """Free times for the service the lead asks for, or the one chosen on the page (`is_chosen`, which may be none).

    Without a day: from the one the client wished for on. `moving`: an appointment that may stand in its own way."""
    config, zone = configs.load(), talks.zone_of(lead)
    service = config.service(service_id if is_chosen else lead.service_id)
    wish = _wish(lead, zone, now=now)
    today = now.astimezone(zone).date()
    first = max(day or (wish[0].date() if wish else today), today)
    days = []
    if service:
        found = booking_queries.day_openings(
            [service.id],
            now=now,
            first_day=first,
            days=AHEAD_DAYS,
            branch=lead.branch if len(config.branches) > 1 else None,
            staff_id=staff_id,
            moving_id=moving.pk if moving else None,
        )
        with_free = [each for each in found if each.openings][:SHOWN_DAYS]
        days = [
            OpeningDay(
                each.day,
                queries.day_words(each.day, today),
                _shown(each.openings, wish, zone, None if staff_id or each.day == day else SHOWN_A_DAY),
            )
            for each in with_free
        ]
    return OpeningsView(
        lead_id=lead.pk,
        services=tuple(
            Choice(str(each.id), each.name, service is not None and each.id == service.id) for each in config.price_list
        ),
        staff=_staff_for(service.id if service else None),
        days=tuple(days),
        service=str(service.id) if service else "",
        staff_id=str(staff_id or ""),
        from_day=first,
        price_title=_price_title(service),
        wish=_wish_words(lead),
        error=error,
    )


def _no_openings(lead: Lead) -> OpeningsView:
    return OpeningsView(lead_id=lead.pk, services=(), staff=(), days=())


def value_of(opening: Opening) -> str:
    """What the page gives back for a chosen free time."""
    return f"{opening.staff_id}-{opening.branch_id}-{minutes_of(opening.start)}"


def read_value(value: str) -> tuple[int, int, datetime] | None:
    """(staff id, branch id, start) of a page's answer; None: it is none of ours."""
    parts = value.split("-")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) < 12 for part in parts):
        return None
    staff_id, branch_id, minutes = (int(part) for part in parts)
    return staff_id, branch_id, moment_of(minutes)


def _shown(
    openings: Sequence[Opening], wish: tuple[datetime, datetime | None] | None, zone: ZoneInfo, limit: int | None
) -> tuple[OpeningView, ...]:
    """One button a start while anybody will do; what was wished for comes before the rest."""
    by_start: dict[Any, OpeningView] = {}
    for opening in openings:
        key = opening.start if limit else (opening.start, opening.staff_id)
        by_start.setdefault(
            key,
            OpeningView(
                value_of(opening), opening.start, short_name(opening.staff_name), _is_wished(opening, wish, zone)
            ),
        )
    views = list(by_start.values())
    if limit is None or len(views) <= limit:
        return tuple(views)
    wished = _spread([view for view in views if view.is_wished], limit)
    others = _spread([view for view in views if not view.is_wished], limit - len(wished))
    return tuple(sorted(wished + others, key=lambda view: view.start))


def _spread(views: Sequence[OpeningView], count: int) -> list[OpeningView]:
    """So many of them, evenly over the day."""
    if len(views) <= count:
        return list(views)
    return [views[number * len(views) // count] for number in range(count)]


def short_name(name: str) -> str:
    """«Ольга Ветрова» -> «Ольга В.»: what fits on a small button."""
    first, _, rest = name.partition(" ")
    return f"{first} {rest[0]}." if rest else first


def _wish(lead: Lead, zone: ZoneInfo, *, now: datetime) -> tuple[datetime, datetime | None] | None:
    """The last time the client named, as local [start, end); None: none, or it is past."""
    slot = _wish_slot(lead)
    if not slot:
        return None
    start = datetime.fromisoformat(slot["start"])
    end = datetime.fromisoformat(slot["end"]) if slot.get("end") else None
    local = now.astimezone(zone).replace(tzinfo=None)
    return None if (end or start) < local else (max(start, local), end)


def _wish_slot(lead: Lead) -> Mapping[str, Any] | None:
    if not hasattr(lead, "_wish_slot"):
        told = lead.conversation.messages.filter(
            author=Message.Author.CLIENT, understanding__slots__has_key="datetime", received_at__gte=lead.created_at
        )
        understood = told.order_by("-pk").values_list("understanding", flat=True).first()
        lead._wish_slot = understood["slots"]["datetime"][0] if understood else None
    return lead._wish_slot


def _wish_words(lead: Lead) -> str:
    slot = _wish_slot(lead)
    return slot["text"] if slot and lead.is_open else ""


def _is_wished(opening: Opening, wish: tuple[datetime, datetime | None] | None, zone: ZoneInfo) -> bool:
    if wish is None or wish[1] is None:
        return False
    start, end = wish
    local = opening.start.astimezone(zone).replace(tzinfo=None)
    return start <= local < end or local == start


def _price_title(service) -> str:  # noqa: ANN001 - ServiceInfo or None
    if service is None:
        return ""
    price = words.price_range(service.price_kopecks, service.price_to_kopecks)
    return f"{price} · {words.duration(service.duration_minutes)}"


def _staff_for(service_id: int | None) -> tuple[Choice, ...]:
    """People who do the service; everybody who takes bookings while none is chosen."""
    people = StaffMember.objects.filter(is_active=True, takes_bookings=True)
    skill = Service.objects.filter(pk=service_id).values_list("skill", flat=True).first() if service_id else None
    if skill:
        people = people.filter(skills=skill)
    return tuple(Choice(str(person.pk), person.name) for person in people)
