"""Leads that waited for a person, given out when somebody is there: the hottest first, no more than people can take."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import TruncMinute

from channels_app import live
from contacts.models import Conversation
from leadhub import rehearsal
from leadhub.work import later
from routing import assignment, handover, presence, sla
from routing.assignment import lock_assigning, people_at_work
from routing.models import Lead, Task
from routing.signals import task_changed
from tenants.business.models import Role

AT_ONCE = 50  # leads of one round
_OPEN = [Lead.Status.OPEN, Lead.Status.NEEDS_CALL]


def waiting(absent: set[int]) -> QuerySet[Lead]:
    """Open leads without an owner that need a person, and those whose owner (of these numbers) is not there and has not
    taken them: urgent first, then by temperature, then who has waited longest; of one minute the higher score."""
    unowned = Q(owner=None, waits_since__isnull=False)
    untaken = Q(owner__in=absent, taken_at=None)
    heat = Case(When(temperature="hot", then=Value(0)), When(temperature="warm", then=Value(1)), default=Value(2))
    urgency = Case(When(urgency="high", then=Value(0)), default=Value(1), output_field=IntegerField())
    leads = Lead.objects.filter(unowned | untaken, status__in=_OPEN, is_test=False).annotate(heat=heat, first=urgency)
    minute = TruncMinute("waits_since")
    return leads.order_by("first", "heat", "-priority", minute, "-score", "waits_since", "last_client_at", "pk")


def drain(*, now: datetime) -> None:
    """Owe the offers of what waits, in its order, as far as those who are there can take it."""
    everybody = people_at_work(now, Role.values)
    there = [one for _, one in everybody if one.is_on_shift and not one.is_away]
    absent = {one.staff_id for _, one in everybody} - {one.staff_id for one in there}
    leads = list(waiting(absent).values_list("pk", flat=True)[:AT_ONCE])
    if not leads:
        return
    if any(one.open_leads < one.load_cap for one in there):
        later("routing.offer", *leads, key="chain")
    presence.watch_next_shift(now=now)


def offer(lead_id: int, *rest: int, now: datetime) -> None:
    """Give one waiting lead to somebody who is there, then go on with the rest: one after another, so that the hottest
    is given first and each lead's locks are its own."""
    if _offer(lead_id, now=now) and not rest:
        later("routing.backlog", key="now")  # meanwhile another may have come to wait
    if rest:
        later("routing.offer", *rest, key="chain")


def _offer(lead_id: int, *, now: datetime) -> bool:
    found = Lead.objects.filter(pk=lead_id).values_list("conversation_id", flat=True).first()
    if found is None:
        return False
    conversation = Conversation.objects.select_for_update().get(pk=found)
    lock_assigning()
    lead = Lead.objects.select_for_update(of=("self",)).select_related("owner").get(pk=lead_id)
    before = lead.owner
    is_unowned = before is None and lead.waits_since is not None
    is_left = before is not None and lead.taken_at is None and not presence.standing(before, now=now).is_present
    if not lead.is_open or not (is_unowned or is_left):
        return False
    why = f"Ждала без хозяина ({lead.waits_why})" if is_unowned else f"{before} сейчас не на месте"
    passed = handover.chain(lead, now=now) - ({before.pk} if before else set())
    own = {before.pk} if before else set()
    told = {"stage": lead.stage, "why": why, "kind": "handover", "only_present": True, "is_quiet": True, "now": now}
    given = assignment.give(lead, exclude=passed | own, **told) or assignment.give(lead, exclude=own, **told)
    if given is None:
        return False
    if conversation.held_by_id and conversation.held_by_id != given.pk:
        conversation.held_by, conversation.needs_person = None, True
        conversation.save(update_fields=["held_by", "needs_person"])
    for task in lead.tasks.filter(Q(staff=None) | Q(staff__in=own), done_at=None):
        task.staff = given
        task.save(update_fields=["staff"])
        task_changed.send(Task, task=task, what="moved", now=now)
    if lead.status != Lead.Status.NEEDS_CALL:
        sla.start_take(lead, now=now)
    live.publish("lead", id=lead.pk)
    return True


def place_freed(lead: Lead, *, now: datetime) -> None:
    """A lead of somebody's is done: what waits may be given to that person."""
    if lead.owner_id is not None and not rehearsal.is_on():
        look_again()


def look_again() -> None:
    """Somebody may be there for what waits, if anything does."""
    if Lead.objects.filter(status__in=_OPEN, waits_since__isnull=False).exists():
        later("routing.backlog", key="now")
