"""Several workers and one portal, with committed data: each thread is a worker with a database session of its own."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection as database

from crm import connection as connections
from crm import pacing
from leadhub.work.models import DueWork
from leadhub.work.running import run_row
from tests.crm.conftest import connect


@pytest.fixture
def committed_crm(outside, committed_salon):
    pacing.forget(outside.tls_domain)
    connections.forget_known()
    yield connect(outside, committed_salon)
    connections.forget_known()


def run_in_a_worker(row_id: int) -> bool:
    try:
        return run_row(row_id)
    finally:
        database.close()


def all_at_once(workers: int) -> list[bool]:
    rows = list(DueWork.objects.filter(handler="crm.push_lead").values_list("pk", flat=True))
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(run_in_a_worker, rows))


def test_leads_of_one_contact_pushed_by_many_workers_share_one_contact(committed_crm, clock):
    crm = committed_crm
    first = crm.lead()
    for _ in range(5):
        crm.lead(phone=None, contact=first.contact)
    for _ in range(30):
        clock._now += connections.STOPPED_RETRY
        if not DueWork.objects.filter(handler="crm.push_lead").exists():
            break
        all_at_once(6)
    assert len(crm.has("lead")) == 6
    assert len(crm.has("contact")) == 1
    assert DueWork.objects.filter(handler="crm.push_lead").count() == 0


def test_many_workers_together_stay_below_what_the_portal_takes(committed_crm, clock):
    crm = committed_crm
    for number in range(40):
        crm.lead(phone=f"+7901000{number:04}")
    for _ in range(40):
        clock._now += connections.STOPPED_RETRY
        all_at_once(8)
    assert {call["status"] for call in crm.calls()} == {200}
    assert len(crm.calls()) >= 40
    assert len(crm.has("lead")) == len({card["originId"] for card in crm.has("lead")})
