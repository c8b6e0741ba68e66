"""Timers: what the dispatcher's look costs with 100,000 of them pending, and how soon those that fall due are done."""

from __future__ import annotations

import os
import random
import statistics
import time
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django_tenants.utils import tenant_context

from agency.onboarding import apply_business
from agency.packs import all_businesses
from contacts.models import Contact, Conversation, Identity
from leadhub import clock
from leadhub.work import dispatch
from leadhub.work.models import DueWork
from routing.clocks import Clock
from routing.models import Decision, Lead
from tenants.business.models import Branch
from tenants.models import Agency, Tenant
from tenants.provisioning import open_tenant

TENANTS, PENDING, REAL = 1000, 100_000, 20
DUE, SINGLE = 1000, 20
ROUNDS, TICKS = 5, 200
HANDLER = "routing.confirm_clock"
FAR = timedelta(days=30)


# --- The look with nothing due ---------------------------------------------------------------------------------------


def look() -> dict[str, Any]:
    """One tick with nothing due: 100 timers of one tenant against 100,000 of a thousand, in turns. Of each round the
    quickest tenth counts, of the rounds the median: what a neighbour of the machine takes is no cost of ours."""
    load, took = round(os.getloadavg()[0], 2), {"one": [], "many": []}
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")  # as in the dispatcher
    order = ["one", "many"] * ROUNDS
    random.shuffle(order)  # noqa: S311 - an order, not a secret
    for name in order:
        pend(tenants=TENANTS, rows=PENDING) if name == "many" else pend(tenants=1, rows=PENDING // TENANTS)
        took[name].append(_tick())
        if name == "many":
            _check_plan()
    one, many = statistics.median(took["one"]), statistics.median(took["many"])
    return {
        "load_before": load,
        "one_tenant_ms": round(one * 1000, 3),
        "thousand_tenants_ms": round(many * 1000, 3),
        "ratio": round(many / one, 2),
    }


def pend(*, tenants: int, rows: int) -> None:
    """Nothing but so many timers of so many tenants, due in a month; the real tenants' schemas among them."""
    real = list(Tenant.objects.order_by("pk").values_list("schema_name", flat=True)[:REAL])
    schemas = (real + [f"t_pending_{number}" for number in range(tenants)])[:tenants]
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE public.due_work")
        cursor.execute(
            "INSERT INTO public.due_work (schema, handler, key, ids, due_at)"
            " SELECT (%s::text[])[1 + n %% %s], 'routing.take_clock', n::text, jsonb_build_array(n),"
            "  %s + n * interval '1 second' FROM generate_series(1, %s) n",
            [schemas, tenants, clock.now() + FAR, rows],
        )
        cursor.execute("VACUUM ANALYZE public.due_work")


def _tick() -> float:
    for _ in range(20):
        dispatch.tick(clock.now())
    took = []
    for _ in range(TICKS):
        started = time.perf_counter()
        sent = dispatch.tick(clock.now())
        took.append(time.perf_counter() - started)
        if sent.rows:
            raise RuntimeError("something was due")
    return sorted(took)[TICKS // 10]


def _check_plan() -> None:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + dispatch.DUE, {"now": now, "resend": now, "deep": [], "batch": dispatch.BATCH})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    if "Seq Scan" in plan or "due_work_due" not in plan:
        raise RuntimeError(f"the look reads more than what is due:\n{plan}")


# --- A thousand at once ----------------------------------------------------------------------------------------------


def open_businesses() -> list[Tenant]:
    """REAL furnished businesses of its own, beside those that other measurements left."""
    agency, packs = Agency.objects.first() or Agency.objects.create(name="Замеры"), all_businesses()
    for number in range(REAL):
        pack = packs[number % len(packs)]
        tenant = open_tenant(
            slug=f"ticks-{number}", name=pack.name, agency=agency, trade=pack.trades[0].key, city=pack.city.key
        )
        apply_business(tenant, pack, now=clock.now(), password=None)
    return list(Tenant.objects.filter(slug__startswith="ticks-").order_by("pk"))


def fire(tenants: list[Tenant]) -> dict[str, Any]:
    """The installation runs. Seconds from the moment 1,000 clocks of leads are due until all are done: of one tenant
    with nothing else pending, and of all with 100,000 pending; and how late single ones are."""
    pend(tenants=1, rows=0)
    alone = _done_in(tenants[:1], DUE)
    pend(tenants=TENANTS, rows=PENDING)
    together = _done_in(tenants, DUE)
    late = _lateness(tenants)
    return {
        "due_1000_seconds": round(together, 2),
        "due_1000_of_one_tenant_seconds": round(alone, 2),
        "due_1000_ratio": round(together / alone, 2),
        "single_p50_ms": round(statistics.median(late) * 1000),
        "single_max_ms": round(max(late) * 1000),
    }


def _done_in(tenants: list[Tenant], count: int) -> float:
    due, before = clock.now() + FAR, sum(_breached(tenant) for tenant in tenants)
    for tenant in tenants:
        _plant(tenant, [due] * (count // len(tenants)))
    due_at = clock.now() + timedelta(seconds=2)
    DueWork.objects.filter(handler=HANDLER, due_at=due).update(due_at=due_at)
    _wait(due_at)
    seconds = (clock.now() - due_at).total_seconds()
    breached = sum(_breached(tenant) for tenant in tenants) - before
    if breached < count:
        raise RuntimeError(f"{breached} of {count} clocks did their work")
    return seconds


def _wait(due_at: datetime) -> None:
    """Until all clocks that are due at the latest then are done; leads of former measurements have theirs later."""
    while DueWork.objects.filter(handler=HANDLER, failed_at=None, due_at__lte=due_at).exists():
        time.sleep(0.05)
        if clock.now() - due_at > timedelta(minutes=2):
            raise TimeoutError("clocks that were due are not done")


def _lateness(tenants: list[Tenant]) -> list[float]:
    """Seconds from the due moment of a clock to the moment its work began, of clocks that come one by one."""
    start, late = clock.now() + timedelta(seconds=5), []
    due = [start + timedelta(seconds=0.37 * number) for number in range(SINGLE)]
    planted = [(tenant, moment, _plant(tenant, [moment])[0]) for tenant, moment in zip(tenants, due, strict=True)]
    _wait(due[-1])
    for tenant, moment, lead in planted:
        with tenant_context(tenant):
            late.append((Decision.objects.get(lead=lead, kind="breach").created_at - moment).total_seconds())
    return late


def _plant(tenant: Tenant, due: list[datetime]) -> list[Lead]:
    """Leads of new clients that nobody booked in time: each has its clock run out, and its row due at its moment."""
    now = clock.now()
    over = {"confirm": Clock(now, 0.0, 3600.0, now).to_json()}
    with tenant_context(tenant):
        branch, first = Branch.objects.first(), Contact.objects.count()
        contacts = Contact.objects.bulk_create(Contact(name="Клиент", created_at=now) for _ in due)
        identities = Identity.objects.bulk_create(
            Identity(contact=contact, kind="webchat", external_id=f"ticks-{first + number}")
            for number, contact in enumerate(contacts)
        )
        talks = Conversation.objects.bulk_create(
            Conversation(contact=identity.contact, identity=identity, account_id=1, branch=branch, created_at=now)
            for identity in identities
        )
        leads = Lead.objects.bulk_create(
            Lead(
                contact=talk.contact,
                conversation=talk,
                kind="webchat",
                branch=branch,
                temperature="warm",
                score=50,
                clocks=over,
                clock="confirm",
                clock_due_at=now,
                created_at=now,
                last_client_at=now,
                changed_at=now,
            )
            for talk in talks
        )
        DueWork.objects.bulk_create(
            DueWork(schema=tenant.schema_name, handler=HANDLER, key=str(lead.pk), ids=[lead.pk], due_at=moment)
            for lead, moment in zip(leads, due, strict=True)
        )
    return leads


def _breached(tenant: Tenant) -> int:
    with tenant_context(tenant):
        return Decision.objects.filter(kind="breach").count()
