"""What rules did, counted from the decision record; the owner hears once a quarter of those that do nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from channels_app.models import Notice
from leadhub.work.models import DueWork
from routing import review, rulesets
from routing.models import Lead
from routing.record import rule_title
from routing.review import Work, look, work_of_rules
from routing.rules.reading import read_rules

TEXT = """\
ПРАВИЛО "Цены — старшей": ЕСЛИ намерение = цена ТО назначить = role_senior
ПРАВИЛО "Цены ещё раз": ЕСЛИ намерение = цена ТО назначить = role_owner
ПРАВИЛО "Никогда": ЕСЛИ промокод = "НЕТ" ТО метка = "нет"
ПРАВИЛО "Спит" ВЫКЛЮЧЕНО: ЕСЛИ балл > 0 ТО стоп
ЕСЛИ балл < 0 ТО стоп
"""


@pytest.fixture
def publish(clock):
    def run(text: str):
        rulesets.save_draft(text, by="Виктор", now=clock.now())
        return rulesets.publish(by="Виктор", now=clock.now())

    return run


def test_fired_won_and_lost_are_counted_in_one_query(salon, outside, clock, publish, django_assert_num_queries):
    publish(TEXT)
    for client in (501, 502):
        salon.receives("telegram", "Сколько стоит маникюр?", client=client)
    test_lead = salon.receives("telegram", "Сколько стоит маникюр?", client=503)
    Lead.objects.filter(pk=test_lead.pk).update(is_test=True)
    with django_assert_num_queries(1):
        works = work_of_rules(clock.now() - timedelta(days=1), clock.now() + timedelta(seconds=1))
    won, lost = works["Правило «Цены — старшей»"], works["Правило «Цены ещё раз»"]
    assert (won.fired, won.won, won.lost) == (2, 2, 0)
    assert (lost.fired, lost.won, lost.lost) == (2, 0, 2)
    assert won.last_at <= clock.now()
    assert "Правило «Никогда»" not in works
    assert work_of_rules(clock.now() + timedelta(days=1), clock.now() + timedelta(days=2)) == {}


def test_each_rule_is_told_what_to_do_about_it():
    rules = read_rules(TEXT).rules
    works = {rule_title(rules[0]): Work(34, 34, 0), rule_title(rules[1]): Work(3, 0, 3)}
    first, second, never, asleep, unnamed = look(rules, works | {rule_title(rules[4]): Work(2, 2, 0)})
    assert (first.hint, first.is_idle, first.always_loses) == ("", False, False)
    assert second.always_loses
    assert "поднимите" in second.hint
    assert never.is_idle
    assert "Ни разу" in never.hint
    assert "Выключено" in asleep.hint
    assert not asleep.is_idle
    assert (unnamed.name, unnamed.work.fired, unnamed.hint) == ("балл < 0", 2, "")


def test_rules_that_are_called_the_same_are_counted_together_and_told_so():
    rules = read_rules('ПРАВИЛО "А": ЕСЛИ балл > 1 ТО стоп ПРАВИЛО "А": ЕСЛИ балл > 2 ТО стоп').rules
    assert all("назовите по-разному" in one.hint for one in look(rules, {}))


@pytest.mark.parametrize(
    ("moment", "quarter", "ends"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-1", datetime(2026, 4, 1, tzinfo=UTC)),
        (datetime(2026, 6, 30, 23, tzinfo=UTC), "2026-2", datetime(2026, 7, 1, tzinfo=UTC)),
        (datetime(2026, 12, 31, 23, tzinfo=UTC), "2026-4", datetime(2027, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_quarter_knows_its_bounds(moment, quarter, ends):
    assert review.quarter_of(moment) == quarter
    start, end = review.bounds(quarter, UTC)
    assert start <= moment < end == ends


def owed(salon):
    rows = DueWork.objects.filter(schema=salon.tenant.schema_name, handler=review.HANDLER)
    return list(rows.order_by("due_at").values_list("key", "due_at"))


def test_the_owner_hears_once_a_quarter(salon, clock, publish, settings):
    publish(TEXT)
    publish(TEXT + "# ещё\n")
    ten_in_ufa = datetime(2027, 1, 1, 5, tzinfo=UTC)
    assert owed(salon) == [("2026-4", ten_in_ufa)]  # twice published, once owed
    clock.tick(seconds=(ten_in_ufa - clock.now()).total_seconds())
    clock.settle()
    notice = Notice.objects.get(kind="rules")
    assert notice.staff.name == "Виктор"
    assert "4-й квартал 2026: ни разу не сработали: 4." in notice.text
    link = notice.text.rpartition(" ")[2]
    assert link.startswith(f"http://localhost:{settings.PORT}/t/vesna/")
    shown = salon.browser("viktor").get(link.partition(f":{settings.PORT}")[2]).content.decode()
    assert "Цены — старшей" in shown
    assert "Ни разу не сработало" in shown
    assert owed(salon) == [("2027-1", datetime(2027, 4, 1, 5, tzinfo=UTC))]
    review.review("2026-4", now=clock.now())  # twice is as good as once
    assert Notice.objects.filter(kind="rules").count() == 1


def test_nothing_is_said_where_nothing_is_wrong(salon, outside, clock, publish):
    publish('ПРАВИЛО "Все": ЕСЛИ балл >= 0 ТО метка = "все"')
    salon.receives("telegram", "Сколько стоит маникюр?")
    review.review("2026-4", now=clock.now())
    assert not Notice.objects.filter(kind="rules").exists()
    assert len(owed(salon)) == 1


def test_a_business_without_rules_is_left_alone(salon, clock):
    review.review("2026-4", now=clock.now())
    assert owed(salon) == []
    assert not Notice.objects.exists()
