"""The published rules meet a lead: what is known of it as facts, which rules hold, and what they have done."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from channels_app import outbound
from channels_app.notices import notify
from contacts.models import Conversation
from leadhub.work import later
from routing import config as configs
from routing import presence, quarantine, record, rulesets, sla
from routing.assignment import give, lock_assigning, people_at_work
from routing.calls import call_task, kind_given
from routing.config import Config
from routing.leads import AD_MEDIUMS, SOURCE_TAGS, Past, past_of
from routing.models import Lead, NurtureSequence, Queue, Task
from routing.rules import words
from routing.rules.deciding import Facts, Verdict, called, decide, otherwise, told
from routing.rules.shapes import Action, Rule
from routing.rules.targets import Target, target_of
from routing.scoring import CALLS
from routing.signals import task_changed
from tenants.business.calendar import is_holiday
from tenants.business.models import StaffMember

NIGHT = (22, 8)  # local hours from and until which it is night
MORNING, DAY = 12, 17  # local hours until which a shift that begins counts as of the morning, of the day


# --- Facts ----------------------------------------------------------------------------------------------------------


def facts_of(lead: Lead, past: Past, config: Config, *, now: datetime) -> Facts:
    """What rules may ask about a lead, by field of `routing.rules.words`; what is not known is absent."""
    service = config.service(lead.service_id)
    branch = config.branch(lead.branch_id)
    channel = "call" if lead.kind in CALLS else lead.kind
    place = lead.conversation.state.get("place", {})
    facts: dict[str, Any] = {
        "source": [part for part in (channel, SOURCE_TAGS.get(lead.kind, ""), lead.utm_source) if part],
        "channel": [channel],
        "utm": [_utm_kind(lead)],
        "promo": [lead.promo] if lead.promo else [],
        "service": [service.name, *service.synonyms] if service else [],
        "category": [service.category] if service and service.category else [],
        "intent": [lead.intent] if lead.intent else [],
        "urgency": [lead.urgency],
        "emotion": [lead.emotion],
        "price_sensitive": lead.is_price_sensitive,
        "language": _languages(lead),
        "branch": [branch.name],
        "district": [place["text"]] if place.get("text") else [],
        "geo": [place["zone"]] if place.get("zone") else [],
        "customer_status": _statuses(lead, past),
        "score": Decimal(lead.score),
        "temperature": [lead.temperature],
        "time": _times(lead.last_client_at, config, lead),
        "hour": Decimal(lead.last_client_at.astimezone(branch.zone).hour),
    }
    for name in ("source", "medium", "campaign", "content", "term"):
        value = getattr(lead, f"utm_{name}")
        facts[f"utm_{name}"] = [value] if value else []
    if lead.taken_at is None and lead.first_person_answer_at is None:
        facts["response_time"] = max(now - lead.created_at, timedelta(0))
    return facts


def _languages(lead: Lead) -> list[str]:
    known = lead.conversation.state.get("language") or "ru"
    return [known] if known == "ru" else [known, "other"]


def _utm_kind(lead: Lead) -> str:
    if lead.utm_medium.lower() in AD_MEDIUMS:
        return "ad"
    return "other" if lead.utm_source or lead.utm_campaign else "none"


def _statuses(lead: Lead, past: Past) -> list[str]:
    known = ["repeat"] if past.is_known else ["new"]
    return known + ["vip"] * lead.contact.is_vip + ["no_show"] * bool(past.no_shows)


def _times(moment: datetime, config: Config, lead: Lead) -> list[str]:
    branch = config.branch(lead.branch_id)
    local = moment.astimezone(branch.zone)
    is_open = config.calendars[branch.pk].is_open(moment)
    times = ["business_hours" if is_open else "after_hours", "weekend" if local.weekday() >= 5 else "weekday"]
    if local.hour >= NIGHT[0] or local.hour < NIGHT[1]:
        times.append("night")
    return times + ["holiday"] * is_holiday(local.date())


def load_of(now: datetime, config: Config) -> Decimal | None:
    """How full the people on shift are, in percent of what they take at once; None when nobody is there."""
    people = [one for _, one in people_at_work(now, config.roles("first_contact", "R")) if one.is_on_shift]
    room = sum(one.load_cap for one in people)
    return Decimal(round(100 * sum(one.open_leads for one in people) / room)) if room else None


# --- Plan -----------------------------------------------------------------------------------------------------------

USUAL = ("new_lead", "facts_changed")  # events of a rule that names none
LATE = ("timer_due", "owner_silent")  # events at which a person who has the lead may lose it
EXCLUSIVE = frozenset(
    {"assign_to", "reassign_to", "escalate_to", "priority", "strategy", "start_nurture", "quarantine"}
)


@dataclass
class Plan:
    """What the rules want of a lead. The first rule that says something exclusive wins; the others lose."""

    actions: list[tuple[Rule, Action]] = field(default_factory=list)
    fired: list[tuple[Rule, Verdict]] = field(default_factory=list)
    lost: list[Rule] = field(default_factory=list)
    waits: timedelta | None = None  # ask again when the client has waited so long in all

    @property
    def strategy(self) -> str:
        """Key of the order in which people are asked; "" where no rule says it."""
        said = (action.value for _, action in self.actions if action.name == "strategy")
        return words.chosen("strategy", next(said, None))


def plan(rules: Sequence[Rule], facts: Facts, event: str) -> Plan:
    """Which rules hold at this event and what they want, in their order. Pure."""
    wanted = Plan()
    for rule in rules:
        if not rule.is_enabled or event not in (rule.events or USUAL):
            continue
        verdict = decide(rule, facts)
        if verdict.waits is not None:
            wanted.waits = min(filter(None, (wanted.waits, verdict.waits)))
        if not verdict.is_taken:
            continue
        if not add(wanted, rule, verdict):
            break
    return wanted


def plan_late(rules: Sequence[Rule], facts: Facts) -> Plan:
    """What the rules want when a clock that one of them armed ran out: those that waiting alone had kept from holding.
    Pure."""
    waited = facts["response_time"]
    before = {**facts, "response_time": max(waited - timedelta(seconds=1), timedelta(0))}
    wanted = Plan()
    for rule in rules:
        if not rule.is_enabled or not set(rule.events or USUAL) & {*USUAL, "timer_due"}:
            continue
        if decide(rule, before).waits is None:
            continue
        verdict = decide(rule, facts)
        if verdict.waits is not None:
            wanted.waits = min(filter(None, (wanted.waits, verdict.waits)))
        if verdict.is_taken and not add(wanted, rule, verdict):
            break
    return wanted


def add(wanted: Plan, rule: Rule, verdict: Verdict) -> bool:
    """Put the actions of a rule that holds on the plan. False: it said stop."""
    before = {action.name for _, action in wanted.actions}
    is_assigned = bool(before & {"assign_to", "reassign_to", "escalate_to"})
    kept = [
        action
        for action in verdict.actions
        if not (action.name in EXCLUSIVE and action.name in before)
        and not (is_assigned and action.name in ("assign_to", "reassign_to", "escalate_to", "strategy"))
    ]
    wanted.fired.append((rule, verdict))
    if kept:
        wanted.actions += [(rule, action) for action in kept]
    elif verdict.actions:
        wanted.lost.append(rule)
    return not any(action.name == "stop" for action in verdict.actions)


# --- Done -----------------------------------------------------------------------------------------------------------


def rule_on(lead: Lead, event: str, *, now: datetime) -> bool:
    """Let the published rules decide about a lead at this event and do what they want. True: a person was given it.

    The caller holds the lock of the lead's conversation."""
    config = configs.load()
    if not config.rules.rules:
        return False
    facts = _facts(lead, config, now=now)
    wanted = plan(config.rules.rules, facts, event)
    return _carry_out(lead, wanted, facts, config, is_late=event in LATE, now=now)


def rule_late(lead: Lead, *, now: datetime) -> bool:
    """The clock that a rule had armed ran out: do what it wants now. As `rule_on()`."""
    config = configs.load()
    if not config.rules.rules or not lead.is_open or lead.taken_at or lead.first_person_answer_at:
        return False
    facts = dict(_facts(lead, config, now=now))
    facts["response_time"] = now - lead.created_at + timedelta(microseconds=1)  # a clock of 60 s is over after 60 s
    return _carry_out(lead, plan_late(config.rules.rules, facts), facts, config, is_late=True, now=now)


def client_confirmed(lead_id: int, *, now: datetime) -> None:
    """The client of a lead confirmed the visit: rules of that event decide."""
    lead = Lead.objects.select_related("conversation", "contact").filter(pk=lead_id).first()
    if lead is None:
        return
    # The order of locks everywhere: conversation, chairs (booking), assigning, lead.
    Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    lock_assigning()
    lead = Lead.objects.select_for_update(of=("self",)).select_related("conversation", "contact").get(pk=lead_id)
    rule_on(lead, "client_confirmed", now=now)


def _facts(lead: Lead, config: Config, *, now: datetime) -> Facts:
    facts = dict(facts_of(lead, past_of(lead.contact, now=now), config, now=now))
    if config.rules.asks_load and (load := load_of(now, config)) is not None:
        facts["load"] = load
    return facts


def _carry_out(lead: Lead, wanted: Plan, facts: Facts, config: Config, *, is_late: bool, now: datetime) -> bool:
    if wanted.waits is not None:
        later("routing.rule_clock", lead.pk, at=max(lead.created_at + wanted.waits, now))
    _note(lead, wanted, facts, config, now=now)
    is_given = False
    for rule, action in wanted.actions:
        if action.name in ("assign_to", "reassign_to", "escalate_to"):
            is_given = _assign(lead, rule, action, wanted.strategy, is_late=is_late, now=now) or is_given
        else:
            _do(lead, rule, action, now=now)
    return is_given


def _note(lead: Lead, wanted: Plan, facts: Facts, config: Config, *, now: datetime) -> None:
    """A line of the record for each rule that holds, unless it held in the very same way when it was noted last."""
    if not wanted.fired:
        return
    noted = {one.title: one.details for one in lead.decisions.filter(kind="rule").order_by("id")} if lead.pk else {}
    for rule, verdict in wanted.fired:
        title, lines = _explained(rule, verdict, facts, config, is_lost=any(rule is one for one in wanted.lost))
        if noted.get(title) != record.as_details(lines):
            record.add(lead, "rule", title, lines, now=now)


def _assign(lead: Lead, rule: Rule, action: Action, strategy: str, *, is_late: bool, now: datetime) -> bool:
    """Give the lead to whom the rule names. Nobody of them can take it: the rule's final ELSE, when it is to be given
    to another one, else the usual circle of the stage. `is_late`: whoever has it let it wait, and may lose it."""
    target = target_of(action.value or "")
    people = _people(target, lead, now=now)
    if lead.owner_id and action.name == "assign_to":
        return False
    if lead.owner_id and not is_late and (lead.taken_at or lead.owner_id in {person.pk for person in people}):
        return False
    tried = list(lead.assignments.values_list("staff_id", flat=True)) if lead.owner_id else []
    why = f"Правило «{rule.name}»" if rule.name else "По правилу"
    given = give(
        lead,
        stage=lead.stage,
        now=now,
        why=why,
        exclude=tried,
        kind="urgent" if lead.urgency == "high" else kind_given(lead) if lead.owner_id else "hot_lead",
        first=[person.pk for person in people],
        strategy=strategy or target.strategy or _queue_strategy(target),
        only_first=bool(rule.otherwise) and action.name != "assign_to",
    )
    if given:
        if lead.is_open:
            sla.start_take(lead, now=now)
        return True
    done = False
    for last in otherwise(rule).actions:
        if last.name in ("assign_to", "reassign_to", "escalate_to"):
            done = _assign(lead, Rule((), (), rule.name), last, strategy, is_late=is_late, now=now) or done
        else:
            _do(lead, rule, last, now=now)
    return done


def _people(target: Target, lead: Lead, *, now: datetime) -> list[StaffMember]:
    config = configs.load()
    if target.kind == "matrix":
        roles = config.roles(lead.stage, target.key or "R")
        return [person for role in roles for person in rulesets.people_of(Target("role", role))]
    people = rulesets.people_of(target)
    if target.kind == "previous":
        led = set(Lead.objects.filter(contact=lead.contact_id).exclude(pk=lead.pk).values_list("owner_id", flat=True))
        return [person for person in people if person.pk in led]
    if target.kind == "shift":
        return [person for person in people if _shift_of(person, config, now) == target.key]
    return people


def _shift_of(person: StaffMember, config: Config, now: datetime) -> str:
    """The shift a person works today by the schedule, else the one begun by the button; "" for none."""
    rota = config.rotas.get(person.pk)
    zone = config.branch(person.branch_id).zone
    if work := rota.work(now.astimezone(zone).date(), config.calendars) if rota else []:
        return shift_word(work[0].start, zone)
    there = presence.standing(person, now=now)
    return shift_word(there.began, zone) if there.is_present else ""


def shift_word(began: datetime | None, zone: ZoneInfo) -> str:
    """A shift by the hour it began: morning, day or evening; "" for none. Pure."""
    if began is None:
        return ""
    hour = began.astimezone(zone).hour
    return "morning" if hour < MORNING else "day" if hour < DAY else "evening"


def _queue_strategy(target: Target) -> str:
    if target.kind == "previous":
        return "sticky"
    queue = Queue.objects.filter(key=target.key).first() if target.kind == "queue" else None
    return queue.strategy if queue else "round_robin"


def _do(lead: Lead, rule: Rule, action: Action, *, now: datetime) -> None:
    value = action.value or ""
    if action.name == "tag":
        if value not in lead.tags:
            lead.tags = [*lead.tags, value[:60]]
            record.keep(lead, "tags")
    elif action.name == "priority":
        lead.priority = {"high": 1, "low": -1}.get(words.chosen("priority", value), 0)
        record.keep(lead, "priority")
    elif action.name == "start_nurture":
        lead.sequence = words.chosen("start_nurture", value) or NurtureSequence.USUAL
        record.keep(lead, "sequence")
        later("reminders.plan_follow_up", lead.pk)
    elif action.name == "create_task":
        _task(lead, value, now=now)
    elif action.name == "notify":
        for person in _people(target_of(value), lead, now=now):
            key = f"rule-{lead.pk}-{_mark(rule)}-{person.pk}"
            text = f"{rule.name or 'Правило'}: {lead.summary or 'заявка'}"
            notify(person, "rule", text[:300], lead_id=lead.pk, key=key, now=now)
    elif action.name == "quarantine" and not lead.taken_at:  # whoever works on it knows better
        quarantine.put(lead, why=f"правило «{called(rule)}»", now=now)
    elif action.name == "reply":
        _reply(lead, value, rule, now=now)


def _task(lead: Lead, title: str, *, now: datetime) -> None:
    """«Перезвонить» is the call task that everything else knows; any other title is a task of its own, once a lead."""
    if words.plain(title) == "перезвонить":
        call_task(lead, why="по правилу", now=now)
        return
    key = f"rule-{lead.pk}-{words.plain(title)}"[:120]
    due = sla.business_due(lead, now, timedelta(minutes=15))
    task, is_new = Task.objects.get_or_create(
        key=key,
        defaults={
            "lead": lead,
            "kind": Task.Kind.OTHER,
            "title": title[:200],
            "staff": lead.owner,
            "due_at": due,
            "created_at": now,
        },
    )
    if is_new:
        task_changed.send(Task, task=task, what="created", now=now)


def _reply(lead: Lead, key: str, rule: Rule, *, now: datetime) -> None:
    """A text of the business, once a lead and rule; nothing while a person leads the conversation."""
    conversation = Conversation.objects.get(pk=lead.conversation_id)
    wording = configs.load().wording
    if conversation.held_by_id:
        return
    try:
        text = wording.say(key, {"name": lead.contact.name, "business": configs.load().settings.public_name})
    except KeyError:
        record.add(lead, "rule", f"Текст «{key}» не отправлен: нет такого, или ему нужны другие данные", now=now)
        return
    outbound.queue(conversation, text, key=f"rule-{lead.pk}-{_mark(rule)}", by_assistant=True, is_answer=False, now=now)


def _mark(rule: Rule) -> str:
    """Tells what one rule sent apart from what others did."""
    return hashlib.sha256(record.rule_title(rule).encode()).hexdigest()[:16]


def _explained(
    rule: Rule, verdict: Verdict, facts: Facts, config: Config, *, is_lost: bool
) -> tuple[str, list[tuple[str, str]]]:
    lines = [("Версия правил", str(config.rules.version))]
    if verdict.branch is not None and verdict.branch < len(rule.branches):
        condition = rule.branches[verdict.branch].condition
        lines += [("Условие", f"{text}: {'да' if holds else 'нет'}") for text, holds in told(condition, facts)]
    else:
        lines.append(("Условие", "иначе"))
    for action in verdict.actions:
        word = words.action_of(action.name)
        lines.append((word.title if word else action.name, action.value or "да"))
    if is_lost:
        lines.append(record.LOST)
    return record.rule_title(rule), lines
