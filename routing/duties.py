"""The responsibility matrix at work: the stage a lead stands in, and who does, answers, advises and hears of it.

R gets the work (`assignment` gives leads, `hand_to_doers` what no lead's owner does), A every breach, C is asked when a
person gets the lead, I is told what became of the stage. Each person hears once a lead and stage; who was told stands
in the lead's record.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from channels_app import live
from channels_app.notices import notify
from leadhub.work import later
from routing import config as configs
from routing import record
from routing.models import Decision, Lead
from tenants.business.models import MatrixRole, StaffMember, Stage

PATH = (Stage.FIRST_CONTACT, Stage.QUALIFICATION, Stage.BOOKING, Stage.CONFIRMATION, Stage.REMINDER)
ASIDE = frozenset({Stage.COMPLAINT, Stage.DATA_REQUEST})  # an open lead leaves them by its outcome alone
AFTER_VISIT = {
    "booked": Stage.CONFIRMATION,
    "confirmed": Stage.REMINDER,
    "arrived": Stage.REMINDER,
    "cancelled": Stage.BOOKING,
    "no_show": Stage.NO_SHOW,
}
CLOCK_TITLES = {
    "answer": "первый ответ ассистента",
    "take": "взять заявку",
    "person": "первый ответ сотрудника",
    "silence": "ответ в разговоре",
    "confirm": "довести до записи",
    "card": "карточка в Битрикс24",
}
PEOPLES_CLOCKS = frozenset({"take", "person", "silence"})
INFORM_AFTER = timedelta(minutes=2)  # several stages of a brisk conversation come as one notice
LONGEST = 300  # characters of a notice


# --- The stage ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Facts:
    """What decides a lead's stage. `said`: the stage the dialogue or a hand-over speaks of; `visit`: what became of the
    lead's visit just now (booked, confirmed, arrived, cancelled, no_show)."""

    stage: str
    status: str
    intent: str = ""
    said: str = ""
    visit: str = ""


def stage_of(facts: Facts) -> str:
    """The stage a lead stands in from now on. Pure."""
    is_open = facts.status in (Lead.Status.OPEN, Lead.Status.NEEDS_CALL)
    if is_open:
        for stage in (facts.said, facts.stage):
            if stage in ASIDE:
                return stage
    if facts.visit:
        return AFTER_VISIT[facts.visit]
    if facts.status == Lead.Status.NURTURE:
        return Stage.NURTURE
    if not is_open:
        return facts.stage
    if facts.said:
        return facts.said
    if facts.stage == Stage.FIRST_CONTACT and facts.intent not in ("", "other", "spam"):
        return Stage.QUALIFICATION
    return facts.stage


def is_done(was: str, becomes: str) -> bool:
    """Whether the work of `was` is done when the lead moves on; not when it was interrupted, or went back. Pure."""
    if becomes not in PATH:
        return False
    return was not in PATH or PATH.index(Stage(becomes)) > PATH.index(Stage(was))


def follow(lead: Lead, *, said: str = "", visit: str = "", why: str = "", now: datetime) -> None:
    """Move the lead to the stage that its facts tell of."""
    move(lead, stage_of(Facts(lead.stage, lead.status, lead.intent, said, visit)), why=why, now=now)


def move(lead: Lead, stage: str, *, why: str = "", now: datetime) -> None:
    """The lead stands in this stage from now on; nothing when it does already. Who advises is asked where a person has
    the lead, who is to know of the stage behind is told."""
    was = lead.stage
    if stage == was:
        return
    lead.stage = stage
    record.keep(lead, "stage")
    facts = {"from": was, "to": stage, "done": is_done(was, stage)}
    lines = [("Теперь делают", titles(holders(stage, "R")) or "никто"), *([("Почему", why)] if why else [])]
    record.add(lead, "stage", f"Этап: {Stage(was).label} → {Stage(stage).label}", lines, facts=facts, now=now)
    if facts["done"]:
        _inform_later(lead, was, now=now)
    if lead.is_open and lead.owner_id:
        ask_advice(lead, why=why, now=now)


def done(lead: Lead, *, why: str, now: datetime) -> None:
    """The work of the lead's stage is over, and no other stage follows."""
    facts = {"from": lead.stage, "to": "", "done": True}
    record.add(lead, "stage", f"Этап завершён: {Stage(lead.stage).label}", [("Итог", why)], facts=facts, now=now)
    _inform_later(lead, lead.stage, now=now)


def closed(lead: Lead, *, now: datetime) -> None:
    """The lead has an outcome, which its status tells."""
    if lead.status == Lead.Status.NURTURE:
        follow(lead, why="клиент подумает", now=now)
    elif lead.status != Lead.Status.BOOKED:
        done(lead, why=str(Lead.Status(lead.status).label), now=now)


# --- R: the work ----------------------------------------------------------------------------------------------------


def doers(lead: Lead, stage: str) -> list[StaffMember]:
    """People who do a stage's work: R, or whoever answers for it where the R is nobody but the assistant."""
    return _people(lead, stage, "R") or _people(lead, stage, "A")


def hand_to_doers(lead: Lead, stage: str, text: str, *, kind: str, key: str, now: datetime) -> list[StaffMember]:
    """Tell those who do the stage's work of a piece of it, with where the client came from; once per `key`. Returns
    whom."""
    whole = "; ".join([text, *([f"откуда: {campaign}"] if (campaign := campaign_of(lead)) else [])])
    told = [
        person
        for person in doers(lead, stage)
        if notify(person, kind, whole[:LONGEST], lead_id=lead.pk, key=key, now=now)
    ]
    if told:
        lines = [("Этап", str(Stage(stage).label)), ("О чём", text), *origin(lead)]
        record.add(lead, "handed", f"Передано: {_names(told)}", lines, now=now)
    return told


def origin(lead: Lead) -> list[tuple[str, str]]:
    """Where the client came from, as lines: channel, UTM, promo, page."""
    told = [
        ("Канал", str(lead.get_kind_display())),
        ("Источник рекламы", lead.utm_source),
        ("Тип трафика", lead.utm_medium),
        ("Кампания", lead.utm_campaign),
        ("Объявление", lead.utm_content),
        ("Запрос", lead.utm_term),
        ("Промокод", lead.promo),
        ("Страница", lead.page),
    ]
    return [(name, value) for name, value in told if value]


def campaign_of(lead: Lead) -> str:
    """«vk / cpc / spring, промокод ВЕСНА»; empty for a client without advertising."""
    utm = " / ".join(value for value in (lead.utm_source, lead.utm_medium, lead.utm_campaign) if value)
    return ", ".join(part for part in (utm, f"промокод {lead.promo}" if lead.promo else "") if part)


# --- A: the breach --------------------------------------------------------------------------------------------------


def note_breach(
    lead: Lead, what: str, *, clock: str, due_at: datetime | None = None, tells: bool = True, now: datetime
) -> None:
    """A clock of the lead ran out at `due_at` (None: just now): count it, write it down, tell who answers for it.

    `clock`: a key of CLOCK_TITLES; `tells` False: the caller tells those, and others, itself."""
    lead.breaches += 1
    lead.changed_at = now
    record.keep(lead, "breaches", "changed_at")
    told, facts = accountable(lead), breach_facts(lead, clock, due_at or now)
    lines = [
        ("Срок", CLOCK_TITLES[clock]),
        ("Этап", str(Stage(lead.stage).label)),
        ("Отвечает", _names(told) or titles([facts["role"]]) or "никто"),
    ]
    record.add(lead, "breach", what, lines, facts=facts, now=now)
    # A lead that goes from hand to hand is told of once; how that ended is a word of its own («нужен звонок»).
    key = f"breach-{lead.pk}-{lead.stage if clock == 'take' else lead.breaches}"
    for person in told if tells else ():
        notify(person, "breach", _with_wish(what, lead), lead_id=lead.pk, key=key, now=now)
    live.publish("lead", id=lead.pk)


def breach_facts(lead: Lead, clock: str, due_at: datetime) -> dict[str, Any]:
    """What reports count a breach by: stage, clock, due (ISO), staff (id of the person whose clock it was; None: the
    assistant's, or nobody's) and role (the accountable one; "" in a matrix not filled in)."""
    return {
        "stage": lead.stage,
        "clock": clock,
        "due": due_at.isoformat(),
        "staff": lead.owner_id if clock in PEOPLES_CLOCKS else None,
        "role": next(iter(holders(lead.stage, "A")), ""),
    }


def accountable(lead: Lead) -> list[StaffMember]:
    """Everybody who holds the A of the lead's stage."""
    return _people(lead, lead.stage, "A")


def tell_accountable(lead: Lead, text: str, *, now: datetime) -> None:
    """What became of the breach, where that is worse than late: one notice a breach to everybody who holds the A."""
    for person in accountable(lead):
        key = f"after-breach-{lead.pk}-{lead.breaches}"
        notify(person, "breach", _with_wish(text, lead), lead_id=lead.pk, key=key, now=now)


# --- C: advice ------------------------------------------------------------------------------------------------------


def ask_advice(lead: Lead, *, why: str, now: datetime) -> None:
    """A person has the lead in this stage: who advises on it knows from the start. Once a lead and stage."""
    people = [person for person in _advisers(lead) if person.pk != lead.owner_id]
    stage = str(Stage(lead.stage).label)
    text = _with_wish(f"Нужен ваш совет, этап «{stage}»" + (f": {why}" if why else ""), lead)
    told = [
        person
        for person in people
        if notify(person, "consult", text, lead_id=lead.pk, key=f"consult-{lead.pk}-{lead.stage}-{person.pk}", now=now)
    ]
    if told:
        lines = [("Этап", stage), *([("Почему", why)] if why else [])]
        record.add(lead, "asked", f"Спросили совета: {_names(told)}", lines, now=now)


def _advisers(lead: Lead) -> list[StaffMember]:
    """People of C; of specialists only those who do the service asked for, where somebody does."""
    people = _people(lead, lead.stage, "C")
    skill = configs.load().skills.get(lead.service_id or 0)
    if skill is None or not any(person.role == MatrixRole.SPECIALIST for person in people):
        return people
    able = set(StaffMember.objects.filter(skills=skill).values_list("pk", flat=True))
    fits = [person for person in people if person.role != MatrixRole.SPECIALIST or person.pk in able]
    return fits or people


# --- I: the result --------------------------------------------------------------------------------------------------


def _inform_later(lead: Lead, stage: str, *, now: datetime) -> None:
    if not lead.is_test and holders(stage, "I"):
        later("routing.inform", lead.pk, at=now + INFORM_AFTER)


def inform(lead_id: int, *, now: datetime) -> None:
    """Tell who is to know of the stages that are done by now and were not told of yet: one notice a person."""
    lead = Lead.objects.filter(pk=lead_id).select_related("branch").first()
    if lead is None:
        return
    lines = Decision.objects.filter(lead=lead, kind__in=("stage", "informed")).order_by("pk")
    stages = _untold([(line.kind, record.facts_of(line.details)) for line in lines])
    news: dict[int, tuple[StaffMember, list[str]]] = {}
    for stage in stages:
        for person in _people(lead, stage, "I"):
            if person.pk != lead.owner_id:
                news.setdefault(person.pk, (person, []))[1].append(stage)
    told = [person for person, about in news.values() if _tell_result(lead, person, about, now=now)]
    if told:
        shown = [("Этап", str(Stage(stage).label)) for stage in stages]
        record.add(lead, "informed", f"Итог узнали: {_names(told)}", shown, facts={"stages": stages}, now=now)


def _untold(lines: Iterable[tuple[str, dict]]) -> list[str]:
    """Stages that are done and were not told of, in the order in which they were done."""
    finished: dict[str, None] = {}
    told: set[str] = set()
    for kind, facts in lines:
        if kind == "informed":
            told.update(facts.get("stages", ()))
        elif facts.get("done"):
            finished.setdefault(facts["from"])
    return [stage for stage in finished if stage not in told]


def _tell_result(lead: Lead, person: StaffMember, stages: Sequence[str], *, now: datetime) -> bool:
    titles_of = ", ".join(f"«{Stage(stage).label}»" for stage in stages)
    now_at = f"теперь этап «{Stage(lead.stage).label}»" if lead.is_open else str(Lead.Status(lead.status).label)
    text = _with_wish(f"Готово: {titles_of}, {now_at}", lead)
    if campaign := campaign_of(lead):
        text = f"{text}; откуда: {campaign}"
    key = f"inform-{lead.pk}-" + "".join(str(Stage.values.index(stage)) for stage in stages)
    return notify(person, "informed", text[:LONGEST], lead_id=lead.pk, key=key, now=now) is not None


# --- Who ------------------------------------------------------------------------------------------------------------


def holders(stage: str, letter: str) -> list[str]:
    """Roles of a letter; the assistant among the R is named too."""
    row = configs.load().matrix[stage]
    return [role for role in MatrixRole.values if row.get(role) == letter]


def _people(lead: Lead, stage: str, letter: str) -> list[StaffMember]:
    config = configs.load()
    return config.people(config.roles(stage, letter), lead.branch_id)


def titles(roles: Iterable[str]) -> str:
    """«ассистент, администратор»."""
    return ", ".join(str(MatrixRole(role).label).lower() for role in roles if role)


def _names(people: Iterable[StaffMember]) -> str:
    return ", ".join(person.name for person in people)


def _with_wish(text: str, lead: Lead) -> str:
    return f"{text} · {lead.summary}"[:LONGEST] if lead.summary else text[:LONGEST]
