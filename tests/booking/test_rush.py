"""Many clients at once, on real connections: every time has one owner, nobody waits for ever, nobody leaves empty."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from time import sleep
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, connections, transaction

from booking import actions, queries
from booking.actions import Impossible, Taken
from booking.models import Appointment
from booking.openings import Wish
from contacts.models import Contact
from tenants.business.models import BusinessSettings, Skill
from tenants.models import Agency, Tenant
from tenants.provisioning import open_tenant
from tests.world import Business

UFA = ZoneInfo("Asia/Yekaterinburg")
TOMORROW = (datetime(2026, 11, 26, 9, 0, tzinfo=UFA), datetime(2026, 11, 26, 18, 30, tzinfo=UFA))
HOUR = timedelta(hours=1)
CLIENTS = 32


def overlaps() -> int:
    """Pairs of appointments that take the same person at the same time, counted without the constraint's help."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM booking_appointment a JOIN booking_appointment b ON a.staff_id = b.staff_id"
            " AND a.id < b.id AND a.start_min < b.end_min AND b.start_min < a.end_min"
            " WHERE a.status IN ('hold', 'booked', 'confirmed', 'arrived')"
            " AND b.status IN ('hold', 'booked', 'confirmed', 'arrived')"
        )
        return cursor.fetchone()[0]


def deadlocks() -> int:
    """How often PostgreSQL had to break a deadlock in this database so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush(), pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


def at_once(salon: Business, people: list, act) -> list:
    """`act(person)` of all of them at the same moment, each on a connection of its own; results in their order."""
    gate = Barrier(len(people))

    def run(person):
        try:
            with salon.inside():
                connection.ensure_connection()
                gate.wait(timeout=30)
                return act(person)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(people)) as pool:
        return list(pool.map(run, people))


@pytest.fixture
def clients(committed_salon):
    salon = committed_salon
    now = salon.clock.now()
    salon.marina.skills.add(Skill.objects.get(name="Волосы"))
    BusinessSettings.objects.update(slot_step_minutes=60)
    return Contact.objects.bulk_create(Contact(name=f"Клиент {number}", created_at=now) for number in range(CLIENTS))


def test_thirty_two_clients_fight_for_twenty_openings(committed_salon, clients):
    salon, now = committed_salon, committed_salon.clock.now()
    cut = salon.service("Женская стрижка").pk
    wish = Wish((TOMORROW,))
    first = queries.day_openings([cut], now=now, first_day=TOMORROW[0].date(), days=1)[0].openings
    contested = [opening for opening in first if opening.start < TOMORROW[1]]
    assert len(contested) == 20

    def come(client):
        """Try all twenty in an order of one's own; then take what is offered instead."""
        order = random.Random(client.pk).sample(contested, len(contested))
        for tries, opening in enumerate(order):
            place = client, [cut], opening.staff_id, opening.branch_id, opening.start
            try:
                if client.pk % 2:
                    return "wanted", tries, actions.book_now(*place, now=now)
                held = actions.hold(client, None, *place[1:], now=now)
                return "wanted", tries, actions.book(held, now=now)
            except Taken:
                continue
        assert queries.openings([cut], wish, now=now).reason == "busy"
        while True:
            for other in queries.openings([cut], now=now, limit=20).openings:
                try:
                    held = actions.hold(client, None, [cut], other.staff_id, other.branch_id, other.start, now=now)
                    return "other", len(order), actions.book(held, now=now)
                except Taken:
                    continue

    deadlocks_before = deadlocks()
    results = at_once(salon, clients, come)

    wanted = [booked for kind, _, booked in results if kind == "wanted"]
    other = [booked for kind, _, booked in results if kind == "other"]
    assert len(wanted) == 20
    assert len(other) == 12
    assert {(each.staff_id, each.starts_at) for each in wanted} == {(each.staff_id, each.start) for each in contested}
    assert all(not TOMORROW[0] <= each.starts_at < TOMORROW[1] for each in other)
    assert sum(tries for _, tries, _ in results) > 12 * 20  # they did get in each other's way
    assert Appointment.objects.filter(status="booked").count() == CLIENTS
    assert not Appointment.objects.filter(status="hold").exists()
    assert overlaps() == 0
    assert deadlocks() == deadlocks_before


def test_all_verbs_at_once_neither_overlap_nor_lock_each_other_out(committed_salon, clients):
    salon, now = committed_salon, committed_salon.clock.now()
    cut, colour = salon.service("Женская стрижка").pk, salon.service("Окрашивание").pk
    staff, branch_id = [salon.olga.pk, salon.marina.pk], salon.branch.pk

    def live(client):
        """Thirty random verbs on a narrow afternoon; only the answers that a caller must know may come."""
        chance = random.Random(client.pk)
        answers = {"done": 0, "taken": 0, "impossible": 0}
        for _ in range(30):
            start = TOMORROW[0] + chance.randrange(16) * HOUR / 4
            place = chance.choice([[cut], [colour]]), chance.choice(staff), branch_id, start
            mine = list(Appointment.objects.filter(contact=client).order_by("?")[:2])
            try:
                match chance.randrange(7) if mine else 0:
                    case 0 | 1:
                        actions.hold(client, None, *place, now=now, moving_id=mine[0].pk if mine else None)
                    case 2:
                        actions.book(mine[0], now=now)
                    case 3:
                        actions.move(mine[0], place[1], start, now=now)
                    case 4:
                        actions.move_to_hold(mine[0], mine[-1], now=now)
                    case 5:
                        actions.cancel(mine[0], now=now)
                    case 6:
                        actions.expire_hold(mine[0].pk, now=now + HOUR)
                answers["done"] += 1
            except Taken:
                answers["taken"] += 1
            except Impossible:
                answers["impossible"] += 1
        return answers

    deadlocks_before = deadlocks()
    results = at_once(salon, clients[:12], live)

    assert sum(sum(answers.values()) for answers in results) == 12 * 30
    assert all(sum(answers[kind] for answers in results) > 20 for kind in ("done", "taken"))
    assert overlaps() == 0
    assert deadlocks() == deadlocks_before


def waiting_for_advisory_locks() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
        return cursor.fetchone()[0]


def test_same_master_waits_in_line_and_nobody_else_does(committed_salon, neighbour_of_committed, clients):
    """One client's booking is not finished: the next to the same master waits; others and other salons go on."""
    salon, neighbour, now = committed_salon, neighbour_of_committed, committed_salon.clock.now()
    cut, branch_id = salon.service("Женская стрижка").pk, salon.branch.pk
    first, second, third = clients[:3]

    def place(staff_id):
        return [cut], staff_id, branch_id, TOMORROW[0]

    def come_second():
        try:
            with salon.inside(), pytest.raises(Taken):
                actions.book_now(second, *place(salon.olga.pk), now=now)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            actions.book_now(first, *place(salon.olga.pk), now=now)
            in_line = pool.submit(come_second)
            until(lambda: waiting_for_advisory_locks() == 1)
            actions.book_now(third, *place(salon.marina.pk), now=now)
            with ThreadPoolExecutor(1) as next_door:
                assert next_door.submit(book_next_door, neighbour, now).result(timeout=20) == salon.olga.pk
            assert not in_line.done()
        in_line.result(timeout=20)
    assert Appointment.objects.count() == 2


def book_next_door(neighbour: Business, now: datetime) -> int:
    """Book the neighbour's Olga, who has the same number as ours; that number."""
    try:
        with neighbour.inside():
            guest = Contact.objects.create(name="Гость", created_at=now)
            olga, cut = neighbour.olga.pk, neighbour.service("Женская стрижка").pk
            actions.book_now(guest, [cut], olga, neighbour.branch.pk, TOMORROW[0], now=now)
            return olga
    finally:
        connections.close_all()


def until(is_so) -> None:
    """Look again and again, for half a minute at most."""
    for _ in range(3000):
        if is_so():
            return
        sleep(0.01)
    raise AssertionError("it never came to be")


@pytest.fixture
def neighbour_of_committed(committed_salon):
    return Business.find("sosed", committed_salon.clock)


@pytest.mark.parametrize("time", ["first", "second"])
def test_each_committed_test_begins_with_the_same_salon(committed_salon, time):
    salon = committed_salon
    assert not Contact.objects.exists()
    assert not Tenant.objects.filter(slug="third").exists()
    assert [skill.name for skill in salon.marina.skills.all()] == ["Ногти"]
    Contact.objects.create(name="Нина", created_at=salon.clock.now())
    salon.marina.skills.clear()
    connection.set_schema_to_public()
    open_tenant(slug="third", name="Третий", agency=Agency.objects.get(), trade="salon", city="ufa")
