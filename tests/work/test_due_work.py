"""What is owed is done once, comes back after a fault, and stays visible when it fails for good."""

from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import connection, transaction

from leadhub.work import GiveUp, TryLater, dispatch, forget, handler, later
from leadhub.work.handlers import _handlers
from leadhub.work.models import DueWork
from leadhub.work.running import backoff, run_row


def row_of(*ids, name="test.database", **kwargs) -> int:
    """Owe it; the number of its row."""
    later(name, *ids, **kwargs)
    return DueWork.objects.get(handler=name, key="-".join(map(str, ids))).pk


@pytest.fixture
def calls():
    """Handlers that note their calls; `fault` is raised by the next ones."""
    seen: dict = {"calls": [], "faults": []}

    @handler("test.database")
    def in_database(*ids, now):
        seen["calls"].append((connection.schema_name, *ids))
        if seen["faults"]:
            raise seen["faults"].pop(0)

    @handler("test.outside", kind="outside", max_attempts=2)
    def outside(*ids, now):
        seen["calls"].append((connection.schema_name, *ids))
        if seen["faults"]:
            raise seen["faults"].pop(0)

    yield seen
    for name in ("test.database", "test.outside"):
        del _handlers[name]


def test_runs_once_in_its_tenant(salon, clock, calls):
    row = row_of(7)
    assert run_row(row)
    assert not run_row(row)
    assert calls["calls"] == [("t_vesna", 7)]
    assert not DueWork.objects.filter(pk=row).exists()


def test_not_before_its_time(salon, clock, calls):
    later("test.database", 7, at=clock.now() + timedelta(seconds=60))
    clock.tick(seconds=59)
    assert calls["calls"] == []
    clock.tick(seconds=1)
    assert calls["calls"] == [("t_vesna", 7)]


def test_same_key_is_one_work_that_moves(salon, clock, calls):
    first = row_of(7, at=clock.now() + timedelta(seconds=10))
    assert row_of(7, at=clock.now() + timedelta(seconds=100)) == first
    clock.tick(seconds=50)
    assert calls["calls"] == []
    forget("test.database", 7)
    assert not DueWork.objects.filter(pk=first).exists()
    clock.tick(seconds=100)
    assert calls["calls"] == []


def test_timer_asked_for_again_as_it_stands_is_left_alone_unless_it_may_be_running(salon, clock, calls):
    def version(seconds):
        row = row_of(7, at=clock.now() + timedelta(seconds=seconds))
        return DueWork.objects.get(pk=row).version

    assert [version(60), version(60), version(61), version(4), version(4)] == [0, 0, 1, 2, 3]
    DueWork.objects.update(due_at=clock.now() + timedelta(seconds=60), attempts=2)  # it failed, and is tried again then
    assert version(60) == 4
    assert DueWork.objects.get().attempts == 0


def test_fault_is_kept_and_tried_again_later(salon, clock, calls):
    calls["faults"] = [ValueError("phone +7 900 000-00-01 is odd")]
    row = row_of(7)
    clock.settle()
    kept = DueWork.objects.get(pk=row)
    assert kept.attempts == 1
    assert kept.last_error == "ValueError: phone [phone] is odd"
    assert kept.due_at == clock.now() + backoff(1)
    clock.tick(seconds=2)
    assert len(calls["calls"]) == 2
    assert not DueWork.objects.filter(pk=row).exists()


def test_provider_names_the_pause(salon, clock, calls):
    calls["faults"] = [TryLater("busy", after=timedelta(seconds=33))]
    row = row_of(7, name="test.outside")
    clock.settle()
    assert DueWork.objects.get(pk=row).due_at == clock.now() + timedelta(seconds=33)


def test_fails_for_good_and_stays_visible(salon, clock, calls):
    calls["faults"] = [TryLater("down"), TryLater("down")]
    row = row_of(7, name="test.outside")
    clock.tick(minutes=5)
    kept = DueWork.objects.get(pk=row)
    assert kept.failed_at is not None
    assert kept.attempts == 2
    calls["faults"] = [GiveUp("no such thing")]
    row = row_of(8)
    clock.settle()
    assert DueWork.objects.get(pk=row).failed_at is not None


def test_asked_again_while_it_runs_is_done_again(salon, clock, calls):
    @handler("test.again", kind="outside")
    def again(number, *, now):
        calls["calls"].append(number)
        if len(calls["calls"]) == 1:
            later("test.again", number)

    later("test.again", 1)
    clock.settle()
    del _handlers["test.again"]
    assert calls["calls"] == [1, 1]


def test_closed_or_unknown_tenant_is_refused_not_run_in_public(db, clock, calls):
    row = row_of(7, schema="t_nobody")
    assert not run_row(row)
    assert calls["calls"] == []
    assert "t_nobody" in DueWork.objects.get(pk=row).last_error


def test_what_a_handler_owes_is_written_when_it_is_done_and_not_if_it_fails(salon, clock, calls):
    owed: list = []

    @handler("test.owing")
    def owing(*, now):
        later("test.database", 1, at=now + timedelta(hours=1))
        later("test.database", 2)
        forget("test.database", 2)
        forget("test.database", 3)
        with suppress(ValueError), transaction.atomic():
            later("test.database", 4)
            raise ValueError("rolled back to its savepoint")
        later("test.database", 5)
        owed.extend(DueWork.objects.filter(handler="test.database").values_list("key", flat=True))
        if calls["faults"]:
            raise calls["faults"].pop(0)

    row_of(3, at=clock.now() + timedelta(hours=1))
    calls["faults"] = [TryLater("busy", after=timedelta(seconds=1))]
    later("test.owing")
    clock.settle()
    assert {row.key for row in DueWork.objects.filter(handler="test.database")} == {"3"}
    clock.tick(seconds=1)
    del _handlers["test.owing"]
    assert owed == ["3", "3"]
    assert calls["calls"] == [("t_vesna", 5)]
    assert {row.key for row in DueWork.objects.filter(handler="test.database")} == {"1"}


def test_dispatcher_sends_what_is_due_and_was_not_run(salon, clock, calls, monkeypatch):
    sent: list = []
    monkeypatch.setattr("leadhub.work.owing.ring", lambda rows, **_: sent.extend(rows) or True)
    depth = {"pipeline": 0, "http": 900}
    monkeypatch.setattr("leadhub.work.owing.depths", lambda queues: depth)
    due = row_of(1)  # rung at commit: the dispatcher waits before it rings again
    timer = row_of(2, at=clock.now())
    DueWork.objects.filter(pk=timer).update(sent_at=None)
    later("test.database", 3, at=clock.now() + timedelta(hours=1))
    assert dispatch.tick(clock.now()).rows == 1
    assert sent == [(timer, "t_vesna", "test.database", "pipeline")]
    clock._now += timedelta(seconds=11)
    depth["pipeline"] = 51  # the workers have not come to it yet: ringing again would help nobody
    assert dispatch.tick(clock.now()).rows == 0
    depth["pipeline"] = 50
    assert dispatch.tick(clock.now()).rows == 2
    assert {row[0] for row in sent} == {due, timer}


@pytest.fixture
def bells(monkeypatch):
    """Doorbells rung, as (queue, ids of rows), and the depths of the queues that the dispatcher is told."""
    from leadhub.work.tasks import run

    rung: list = []
    monkeypatch.setattr(run, "apply_async", lambda args, queue: rung.append((queue, [row[0] for row in args[0]])))
    depth = {"pipeline": 0, "http": 0}
    monkeypatch.setattr("leadhub.work.owing.depths", lambda queues: depth)
    return rung, depth


def unsent(count, name="test.database", first=0):
    rows = [row_of(number, name=name) for number in range(first, first + count)]
    DueWork.objects.filter(pk__in=rows).update(sent_at=None)
    return rows


def test_one_doorbell_names_several_rows_when_the_workers_are_behind(salon, clock, calls, bells):
    rung, depth = bells
    rows = unsent(3)
    assert dispatch.tick(clock.now()) == (3, False)
    assert sorted(rung) == [("pipeline", [row]) for row in rows]
    rung.clear()
    DueWork.objects.update(sent_at=None)
    depth["pipeline"] = dispatch.BUSY
    rows += unsent(dispatch.TOGETHER, first=3)
    outside = unsent(2, name="test.outside")
    assert dispatch.tick(clock.now()) == (len(rows) + 2, True)
    assert [len(ids) for queue, ids in rung if queue == "pipeline"] == [dispatch.TOGETHER, 3]
    assert sorted(ids for queue, ids in rung if queue == "http") == [[row] for row in outside]
    assert sorted(row for _, ids in rung for row in ids) == sorted(rows + outside)


def test_many_rows_at_once_are_shared_out(salon, clock, calls, bells):
    rung, _ = bells
    unsent(12)
    assert dispatch.tick(clock.now()) == (12, False)
    assert [len(ids) for _, ids in rung] == [3, 3, 3, 3]


def test_rows_of_one_doorbell_stand_or_fall_each_for_itself(salon, clock, calls, monkeypatch):
    from leadhub.work.tasks import run

    monkeypatch.setattr("leadhub.work.tasks.close_old_connections", lambda: None)
    rows = [row_of(number) for number in range(3)]
    calls["faults"] = [ValueError("the first one")]
    run([(row, "test.database", "t_vesna") for row in rows])
    assert len(calls["calls"]) == 3
    assert list(DueWork.objects.values_list("attempts", "last_error")) == [(1, "ValueError: the first one")]
