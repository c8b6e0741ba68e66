"""Calls back: the task «Перезвонить» and the state «нужен звонок»."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection, transaction

from channels_app import live
from channels_app.models import Notice
from channels_app.notices import notify
from contacts.models import Conversation
from leadhub import rows
from routing import duties, record, sla
from routing.models import Lead, Task
from routing.signals import lead_changed, task_changed
from tenants.business.models import StaffMember


def needs_call(lead: Lead, *, why: str, now: datetime, at: datetime | None = None) -> Task:
    """Mark the lead «нужен звонок», with one open task «Перезвонить», here and (through the signal) in the CRM."""
    lead.status, lead.changed_at = Lead.Status.NEEDS_CALL, now
    record.keep(lead, "status", "changed_at")
    task = call_task(lead, why=why, now=now, at=at)
    sla.called_for(lead, task.due_at, now=now)
    record.add(lead, "needs_call", "Нужен звонок", [("Почему", why)], now=now)
    for person in duties.accountable(lead):
        key = f"call-{task.pk}-{person.pk}"
        notify(person, "breach", f"Нужен звонок: {why}", lead_id=lead.pk, key=key, now=now)
    lead_changed.send(Lead, lead=lead, what="needs_call", now=now)
    return task


def call_task(
    lead: Lead, *, why: str, now: datetime, at: datetime | None = None, staff: StaffMember | None = None
) -> Task:
    """The task «Перезвонить»; one open one a lead, its term moved when it is asked for again with a time."""
    tasks = _tasks(lead)
    task = next((task for task in tasks if task.kind == Task.Kind.CALL and task.done_at is None), None)
    if task:
        if at:
            task.due_at = at
            task.save(update_fields=["due_at"])
            _stand_still(lead, at, now=now)
            if lead.clock == "call":
                sla.show(lead, "call", at, now)
            task_changed.send(Task, task=task, what="moved", now=now)
            live.publish("task", id=task.pk, lead=lead.pk)
        return task
    task = Task(
        lead=lead,
        kind=Task.Kind.CALL,
        title=f"Перезвонить: {why}"[:200],
        staff=staff or lead.owner,
        key=f"call-{lead.pk}-{len(tasks) + 1}",
        due_at=at or sla.business_due(lead, now, timedelta(minutes=15)),
        created_at=now,
    )
    rows.store(task)
    if lead.draft is not None:
        lead.draft.tasks.append(task)
    if at and at > now:
        _stand_still(lead, at, now=now)
    task_changed.send(Task, task=task, what="created", now=now)
    live.publish("task", id=task.pk, lead=lead.pk)
    return task


def _tasks(lead: Lead) -> list[Task]:
    """The lead's tasks, open and done, oldest first."""
    if lead.draft is not None and lead.draft.is_new:
        return lead.draft.tasks
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {rows.columns(Task, 't')} FROM routing_task t WHERE t.lead_id = %s ORDER BY t.id",  # noqa: S608 - columns of our model only
            [lead.pk],
        )
        return [rows.build(row, Task)[0] for row in cursor.fetchall()]


def _stand_still(lead: Lead, until: datetime, *, now: datetime) -> None:
    """Nothing is expected of people before the time that was agreed."""
    with _clocks_as_they_are(lead):
        sla.put_off(lead, until, why="agreed", now=now)


@contextmanager
def _clocks_as_they_are(lead: Lead) -> Iterator[None]:
    """Within it the lead's clocks are those of this moment, and nobody else changes them."""
    if lead.draft is not None:  # a step of the pipeline, which holds the conversation
        yield
        return
    with transaction.atomic():
        Conversation.objects.select_for_update().get(pk=lead.conversation_id)
        lead.refresh_from_db(fields=["clocks", "clock", "clock_due_at", "clock_started_at"])
        yield


def withdraw_call(lead: Lead, *, now: datetime) -> None:
    """Nobody need call any more: what is open of the lead's call tasks is done with."""
    for task in lead.tasks.filter(kind=Task.Kind.CALL, done_at=None):
        task.done_at = now
        task.save(update_fields=["done_at"])
        task_changed.send(Task, task=task, what="done", now=now)
        live.publish("task", id=task.pk, lead=lead.pk)


def kind_given(lead: Lead) -> str:
    """How the lead came to people, as the kind of the notice that told the last of them: it stays urgent whoever has
    it next."""
    told = Notice.objects.filter(lead_id=lead.pk, kind__in=["hot_lead", "handover", "urgent"]).order_by("-pk")
    return told.values_list("kind", flat=True).first() or "hot_lead"


def finish_task(task: Task, *, by: StaffMember | None, now: datetime) -> Task:
    """The task is done; twice is as good as once. A lead that waited for this call is in work again."""
    if task.done_at:
        return task
    task.done_at = now
    task.save(update_fields=["done_at"])
    lead = task.lead
    if task.kind == Task.Kind.CALL and lead.status == Lead.Status.NEEDS_CALL:
        lead.status, lead.changed_at = Lead.Status.OPEN, now
        record.keep(lead, "status", "changed_at")
        sla.show(lead, "", None, now)
    if sla.until_of(lead):
        with _clocks_as_they_are(lead):
            sla.resume(lead, now=now)
    record.add(lead, "task", "Сделано: " + task.title, [("Кто", by.name)] if by else [], now=now)
    task_changed.send(Task, task=task, what="done", now=now)
    live.publish("task", id=task.pk, lead=lead.pk)
    return task
