"""Versions of a business's routing rules: drafted, published, rolled back. One draft, one in force, the rest kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import Max

from routing import config as configs
from routing import review
from routing.models import Queue, RuleSet
from routing.rules import words
from routing.rules.reading import RuleError, read_rules
from routing.rules.shapes import Action, Rule
from routing.rules.targets import Target, target_of
from routing.rules.writing import write_rules
from tenants.business.models import Branch, BusinessSettings, StaffMember


class RulesWrong(Exception):
    """The text cannot be kept as rules; `errors` say where and why, in Russian."""

    def __init__(self, errors: Sequence[RuleError]) -> None:
        super().__init__("; ".join(str(error) for error in errors))
        self.errors = tuple(errors)


class DraftChanged(Exception):
    """Somebody else changed the rules meanwhile; `draft` is what stands now, None when there is no draft any more."""

    def __init__(self, draft: RuleSet | None) -> None:
        super().__init__("the draft was changed meanwhile")
        self.draft = draft


@transaction.atomic
def save_draft(text: str, *, by: str, now: datetime, note: str = "", since: str | None = None) -> RuleSet:
    """Keep the text as the draft, in its canonical form. `since`: the `mark()` of what was edited, None: any.

    Raises RulesWrong, or DraftChanged when something else stands by now; and then nothing has changed."""
    read = read_rules(text)
    if read.errors:
        raise RulesWrong(read.errors)
    _lock()
    draft = RuleSet.objects.filter(status=RuleSet.Status.DRAFT).first()
    if since is not None and since != mark():
        raise DraftChanged(draft)
    draft = draft or RuleSet(number=_next_number())
    draft.text = write_rules(read.rules, read.language, wide=False)
    draft.note, draft.changed_by, draft.changed_at = note[:200], by[:150], now
    draft.save()
    return draft


def edited() -> RuleSet | None:
    """What one goes on with: the draft, else what is in force, else None."""
    live = RuleSet.objects.exclude(status=RuleSet.Status.RETIRED)
    return live.order_by("status").first()  # "draft" comes before "published"


def mark() -> str:
    """Of what stands to be edited: another one whenever its version or text is another."""
    current = edited()
    told = f"{current.number} {current.status} {current.text}" if current else ""
    return hashlib.sha256(told.encode()).hexdigest()[:16]


@transaction.atomic
def publish(*, by: str, now: datetime) -> RuleSet:
    """The draft comes into force, the version before it is retired. Raises RuleSet.DoesNotExist without a draft, and
    RulesWrong when it names people or queues that are not there."""
    _lock()
    draft = RuleSet.objects.get(status=RuleSet.Status.DRAFT)
    if missing := unknown_targets(read_rules(draft.text).rules):
        raise RulesWrong([RuleError(1, 1, text) for text in missing])
    return _bring_into_force(draft, by=by, now=now)


@transaction.atomic
def roll_back(number: int, *, by: str, now: datetime) -> RuleSet:
    """The rules of an earlier version come into force again, as a new version. Raises RuleSet.DoesNotExist."""
    _lock()
    earlier = RuleSet.objects.exclude(status=RuleSet.Status.DRAFT).get(number=number)
    again = RuleSet(number=_next_number(), text=earlier.text, note=f"как в версии {number}")
    again.changed_by, again.changed_at = by[:150], now
    return _bring_into_force(again, by=by, now=now)


@transaction.atomic
def drop_draft() -> None:
    _lock()
    RuleSet.objects.filter(status=RuleSet.Status.DRAFT).delete()


def _bring_into_force(rule_set: RuleSet, *, by: str, now: datetime) -> RuleSet:
    RuleSet.objects.filter(status=RuleSet.Status.PUBLISHED).update(status=RuleSet.Status.RETIRED)
    rule_set.status = RuleSet.Status.PUBLISHED
    rule_set.published_by, rule_set.published_at = by[:150], now
    rule_set.save()
    configs.note_change()
    review.plan_review(now=now)
    return rule_set


def _next_number() -> int:
    return (RuleSet.objects.aggregate(last=Max("number"))["last"] or 0) + 1


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema() || ':rules'), 0)")


# --- Whom rules name ------------------------------------------------------------------------------------------------


def unknown_targets(rules: Sequence[Rule]) -> list[str]:
    """People, queues and branches that the rules name and the business does not have, in words for the owner."""
    missing = []
    for number, rule in enumerate(rules, start=1):
        called = f"«{rule.name}»" if rule.name else f"№ {number}"
        for action in actions_of(rule):
            word = words.action_of(action.name)
            if word and word.value == "target" and action.value and not people_of(target_of(action.value)):
                missing.append(f"правило {called}: некому отдать «{action.value}»")
    return missing


def actions_of(rule: Rule) -> list[Action]:
    """Every action of a rule, in the order of its text."""
    return [action for branch in rule.branches for action in branch.actions] + list(rule.otherwise)


def people_of(target: Target) -> list[StaffMember]:
    """Everybody a target means, on shift or not. `previous` and `shift` depend on the lead and the hour: everybody."""
    staff = StaffMember.objects.filter(is_active=True)
    if target.kind == "queue":
        queue = Queue.objects.filter(key=target.key).first()
        return list(staff.filter(pk__in=queue.members)) if queue else []
    if target.kind == "person":
        return [person for person in staff if words.plain(person.name) == target.key]
    if target.kind == "role":
        return list(staff.filter(role=target.key))
    if target.kind == "branch":
        ids = [branch.pk for branch in Branch.objects.all() if words.plain(branch.name) == target.key]
        return list(staff.filter(branch_id__in=ids))
    if target.kind == "backup":
        return list(staff.filter(pk__in=BusinessSettings.objects.values("backup_staff")))
    return list(staff)
