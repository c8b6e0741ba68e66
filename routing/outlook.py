"""What would be done with a lead, without doing it: the rules' plan and the choice of a person, carried out on paper.

Pure. The same steps as `ruling` and `dispatching` take; a test holds both to the same end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from routing.assignment import ON_DUTY, Candidate, Choice, choose
from routing.rules import words
from routing.rules.deciding import Facts, Verdict, otherwise
from routing.rules.shapes import Action, Rule
from routing.rules.targets import Target, target_of
from routing.ruling import Plan, plan, plan_late

GIVING = ("assign_to", "reassign_to", "escalate_to")


@dataclass(frozen=True)
class Needed:
    """A person is needed whatever the score, at this stage, and why."""

    stage: str
    why: str


@dataclass(frozen=True)
class Case:
    """A lead as far as it decides who gets it. Nobody has it yet."""

    stage: str
    branch_id: int | None
    skill_id: int | None
    is_hot: bool
    is_form: bool
    needed: Needed | None = None
    led_by: frozenset[int] = frozenset()  # who led other leads of this client
    language: str = ""  # the client's, where it is known


@dataclass(frozen=True)
class Team:
    """The business's people and what names them in rules. `tiers`: of roles, by stage; `roles`: by stage and letter."""

    roles_of: Mapping[int, str]  # active staff by id
    names: Mapping[int, str]
    branches_of: Mapping[int, int]
    queues: Mapping[str, tuple[tuple[int, ...], str]]  # key -> members, strategy
    branch_names: Mapping[int, str]  # as `words.plain` gives them
    tiers: Mapping[str, Sequence[Sequence[str]]]
    roles: Mapping[str, Mapping[str, Sequence[str]]]
    backup_id: int | None = None

    def meant(self, target: Target, case: Case, shift_of: Callable[[int], str]) -> list[int]:
        """Staff ids that a rule's target means for this lead, on shift or not."""
        everybody = list(self.roles_of)
        if target.kind == "queue":
            members = self.queues[target.key][0] if target.key in self.queues else ()
            return [pk for pk in everybody if pk in members]
        if target.kind == "person":
            return [pk for pk in everybody if words.plain(self.names[pk]) == target.key]
        if target.kind == "role":
            return [pk for pk in everybody if self.roles_of[pk] == target.key]
        if target.kind == "branch":
            return [pk for pk in everybody if self.branch_names.get(self.branches_of[pk]) == target.key]
        if target.kind == "backup":
            return [pk for pk in everybody if pk == self.backup_id]
        if target.kind == "matrix":
            wanted = self.roles[case.stage].get(target.key or "R", ())
            return [pk for role in wanted for pk in everybody if self.roles_of[pk] == role]
        if target.kind == "previous":
            return [pk for pk in everybody if pk in case.led_by]
        return [pk for pk in everybody if shift_of(pk) == target.key]

    def strategy(self, target: Target) -> str:
        if target.kind == "previous":
            return "sticky"
        return self.queues[target.key][1] if target.kind == "queue" and target.key in self.queues else "round_robin"


@dataclass
class Outcome:
    """What the rules and the usual path came to."""

    owner_id: int | None = None
    is_called: bool = False  # a person is wanted; without an owner the lead waits in the queue
    is_quarantined: bool = False
    why: str = ""  # what gave it to a person or put it aside; "": the assistant leads it
    choice: Choice | None = None
    fired: list[tuple[Rule, Verdict]] = field(default_factory=list)
    lost: list[Rule] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)
    tasks: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    notified: list[int] = field(default_factory=list)  # staff ids
    priority: str = ""
    sequence: str = ""  # how a client who falls silent is to be reminded
    waits: timedelta | None = None  # a rule armed a clock: ask again when the client has waited so long
    tried: list[int] = field(default_factory=list)  # who was given it, in order


@dataclass(frozen=True)
class Moment:
    """The people as they are when a lead is decided."""

    people: Callable[[Collection[str], Collection[int]], Sequence[Candidate]]  # of these roles or ids
    shift_of: Callable[[int], str]  # staff id -> "morning", "day", "evening" or ""


def arrive(case: Case, rules: Sequence[Rule], facts: Facts, team: Team, moment: Moment) -> Outcome:
    """A new lead: the rules first, then whoever is needed anyway; else the assistant leads it."""
    if case.needed:
        case = replace(case, stage=case.needed.stage)
    done = Outcome()
    is_given = _carry_out(done, case, plan(rules, facts, "new_lead"), team, moment, is_late=False)
    if done.is_quarantined or is_given:
        return done
    if case.needed:
        _call(done, case, team, moment, why=case.needed.why)
    elif case.is_hot or case.is_form:
        _call(done, case, team, moment, why="Горячая заявка" if case.is_hot else "Заявка с сайта")
    return done


def run_late(done: Outcome, case: Case, rules: Sequence[Rule], facts: Facts, team: Team, moment: Moment) -> bool:
    """The clock that a rule had armed ran out; `facts` hold how long the client has waited. True: somebody got it."""
    if case.needed:
        case = replace(case, stage=case.needed.stage)
    done.waits = None
    return _carry_out(done, case, plan_late(rules, facts), team, moment, is_late=True)


def _call(done: Outcome, case: Case, team: Team, moment: Moment, *, why: str) -> None:
    done.is_called, done.why = True, why
    _give(done, case, team, moment, why=why)


def _carry_out(done: Outcome, case: Case, wanted: Plan, team: Team, moment: Moment, *, is_late: bool) -> bool:
    done.fired += wanted.fired
    done.lost += wanted.lost
    if wanted.waits is not None:
        done.waits = wanted.waits
    is_given = False
    for rule, action in wanted.actions:
        is_given = _do(done, case, rule, action, wanted.strategy, team, moment, is_late=is_late) or is_given
    return is_given


def _do(
    done: Outcome,
    case: Case,
    rule: Rule,
    action: Action,
    strategy: str,
    team: Team,
    moment: Moment,
    *,
    is_late: bool,
) -> bool:
    """One action. True: a person was given the lead."""
    value = action.value or ""
    if action.name in GIVING:
        return _assign(done, case, rule, action, strategy, team, moment, is_late=is_late)
    if action.name == "tag" and value not in done.tags:
        done.tags.append(value)
    elif action.name == "priority":
        done.priority = words.chosen("priority", value) or "normal"
    elif action.name == "start_nurture":
        done.sequence = words.chosen("start_nurture", value)
    elif action.name == "create_task" and words.plain(value) not in map(words.plain, done.tasks):
        done.tasks.append(value)
    elif action.name == "notify":
        done.notified += team.meant(target_of(value), case, moment.shift_of)
    elif action.name == "quarantine":
        done.is_quarantined = True
        done.why = _named(rule)
    elif action.name == "reply":
        done.replies.append(value)
    return False


def _assign(
    done: Outcome,
    case: Case,
    rule: Rule,
    action: Action,
    strategy: str,
    team: Team,
    moment: Moment,
    *,
    is_late: bool,
) -> bool:
    target = target_of(action.value or "")
    meant = team.meant(target, case, moment.shift_of)
    if done.owner_id and (action.name == "assign_to" or not is_late and done.owner_id in meant):
        return False
    tried = done.tried if done.owner_id else []
    only_first = bool(rule.otherwise) and action.name != "assign_to"
    given = _give(
        done,
        case,
        team,
        moment,
        why=_named(rule),
        exclude=tried,
        first=meant,
        strategy=strategy or target.strategy or team.strategy(target),
        only_first=only_first,
    )
    if given or not only_first:  # nobody could: it waits for somebody
        done.is_called = True
    if given:
        return True
    is_given = False
    for last in otherwise(rule).actions:
        nameless = Rule((), (), rule.name) if last.name in GIVING else rule
        is_given = _do(done, case, nameless, last, strategy, team, moment, is_late=is_late) or is_given
    return is_given


def _give(
    done: Outcome,
    case: Case,
    team: Team,
    moment: Moment,
    *,
    why: str,
    exclude: Collection[int] = (),
    first: Collection[int] = (),
    strategy: str = "round_robin",
    only_first: bool = False,
) -> bool:
    """As `assignment.give()`."""
    tiers = [] if only_first else team.tiers[case.stage]
    backup_id = None if only_first else team.backup_id
    roles = {role for tier in tiers for role in tier} | set(() if only_first else ON_DUTY)
    choice = choose(
        moment.people(roles, [*first, *([backup_id] if backup_id else [])]),
        tiers=tiers,
        branch_id=case.branch_id,
        exclude=exclude,
        first=first,
        strategy=strategy,
        skill_id=case.skill_id,
        language=case.language,
        has_reserve=not only_first,
        backup_id=backup_id,
    )
    done.choice = choice
    if choice.staff_id is None:
        return False
    done.owner_id, done.why = choice.staff_id, why
    done.tried = [*done.tried, choice.staff_id]
    return True


def _named(rule: Rule) -> str:
    return f"Правило «{rule.name}»" if rule.name else "По правилу"
