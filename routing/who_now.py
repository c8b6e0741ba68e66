"""Whom a lead would go to at this moment, and why not to the others. Nothing is written."""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from routing import assignment, leads, recalled, ruling
from routing import config as configs
from routing.assignment import Candidate, Verdict
from routing.config import Config
from routing.models import Lead, RuleSet
from routing.outlook import Moment, Needed, Outcome, Team, arrive
from routing.rules import words
from routing.rules.deciding import Facts, called, told
from routing.rules.deciding import Verdict as Taken
from routing.rules.reading import read_rules
from routing.rules.shapes import Rule
from tenants.business.models import StaffMember
from tenants.models import Role


@dataclass(frozen=True)
class RuleTold:
    """A rule that holds, its conditions with whether each does, and what it wants."""

    title: str
    conditions: tuple[tuple[str, bool], ...]
    wants: tuple[str, ...]
    is_lost: bool


@dataclass(frozen=True)
class Answer:
    """By one version of the rules."""

    title: str  # «Правила, версия 3», «Черновик, версия 4», «Без правил»
    whom: str  # «Анна», «Никому, ведёт ассистент», «Никому, ждёт в очереди», «В карантин»
    why: str
    reason: str  # why this person of all who could
    rules: tuple[RuleTold, ...]
    people: tuple[Verdict, ...]


def who_now(lead: Lead, *, now: datetime) -> list[Answer]:
    """By the rules in force, then by the draft where there is one; as if nobody had the lead yet.

    `lead` with its contact, conversation and owner at hand."""
    config = configs.load()
    draft = RuleSet.objects.filter(status=RuleSet.Status.DRAFT).first()
    sets: list[tuple[str, Sequence[Rule]]] = [
        (f"Правила, версия {config.rules.version}" if config.rules.version else "Правил нет", config.rules.rules)
    ]
    if draft:
        sets.append((f"Черновик, версия {draft.number}", read_rules(draft.text).rules))
    team, facts = recalled.load_team(config), _facts(lead, config, now=now)
    moment = _moment(lead, config, now=now)
    others = Lead.objects.filter(contact=lead.contact_id, owner__isnull=False).exclude(pk=lead.pk)
    case = recalled.case_of(lead, config, why_given="", led_by=frozenset(others.values_list("owner_id", flat=True)))
    if case.needed is None and lead.conversation.needs_person:
        case = replace(case, needed=Needed(case.stage, "Клиенту нужен человек"))
    return [_answer(title, arrive(case, rules, facts, team, moment), facts, team) for title, rules in sets]


def _facts(lead: Lead, config: Config, *, now: datetime) -> Facts:
    fresh = copy.copy(lead)
    fresh.taken_at = fresh.first_person_answer_at = None
    facts = dict(ruling.facts_of(fresh, leads.past_of(lead.contact, now=now), config, now=now))
    if (load := ruling.load_of(now, config)) is not None:
        facts["load"] = load
    return facts


def _moment(lead: Lead, config: Config, *, now: datetime) -> Moment:
    """Everybody as they are now; the lead itself is no load of its owner's."""
    people = [one for _, one in assignment.people_at_work(now, Role.values, contact_id=lead.contact_id, shares=True)]
    if lead.is_open:
        people = [
            replace(one, open_leads=max(one.open_leads - 1, 0)) if one.staff_id == lead.owner_id else one
            for one in people
        ]
    home = dict(StaffMember.objects.filter(is_active=True).values_list("pk", "branch_id"))
    roster = recalled.Roster(config, home)
    begun = {one.staff_id: one.since for one in people if one.is_on_shift and not one.is_away}

    def asked(roles: Collection[str], ids: Collection[int]) -> list[Candidate]:
        return [one for one in people if one.role in roles or one.staff_id in ids]

    def shift_of(staff_id: int) -> str:
        zone = config.branch(home[staff_id]).zone
        return roster.shift_of(staff_id, now) or ruling.shift_word(begun.get(staff_id), zone)

    return Moment(asked, shift_of)


def _answer(title: str, done: Outcome, facts: Facts, team: Team) -> Answer:
    if done.is_quarantined:
        whom = "В карантин"
    elif done.owner_id:
        whom = team.names[done.owner_id]
    else:
        whom = "Никому, ждёт в очереди" if done.is_called else "Никому, ведёт ассистент"
    choice = done.choice
    return Answer(
        title,
        whom,
        done.why,
        choice.reason if choice and (done.owner_id or done.is_called) else "",
        tuple(_rule(rule, verdict, any(rule is lost for lost in done.lost), facts) for rule, verdict in done.fired),
        choice.verdicts if choice else (),
    )


def _rule(rule: Rule, taken: Taken, is_lost: bool, facts: Facts) -> RuleTold:
    conditions: tuple[tuple[str, bool], ...] = (("иначе", True),)
    if taken.branch is not None and taken.branch < len(rule.branches):
        conditions = tuple(told(rule.branches[taken.branch].condition, facts))
    wants = []
    for action in taken.actions:
        word = words.action_of(action.name)
        title = word.title if word else action.name
        wants.append(f"{title}: {action.value}" if action.value else title)
    return RuleTold(called(rule), conditions, tuple(wants), is_lost)
