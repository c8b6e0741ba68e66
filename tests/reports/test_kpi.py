"""Every figure against a past whose answers were counted by hand."""

from datetime import date, timedelta

import pytest

from reports import facts, kpi, lists
from reports.facts import Worth
from reports.lists import Chosen
from reports.periods import Period
from tests.reports.conftest import TODAY, at


def names(rows):
    from contacts.models import Contact

    titles = dict(Contact.objects.values_list("pk", "name"))
    return sorted(titles[row.contact_id] for row in rows)


def days(first, last=None):
    return Period(date(2026, 11, first), date(2026, 11, last or first))


# --- What counts --------------------------------------------------------------------------------------------------


def test_test_leads_and_quarantine_never_count(past):
    past.lead("Ира", at(24, 12))
    past.lead("Проба", at(24, 12), is_test=True)
    past.lead("Спам", at(24, 12), status="quarantine", outcome_at=None)
    assert names(past.figures(24).leads) == ["Ира"]


def test_visits_of_try_outs_never_count(past):
    past.client("Проба", is_test=True)
    past.visit("Проба", at(24, 12), "arrived", booked=at(23, 12))
    tried = past.lead("Вера", at(23, 11), is_test=True)
    past.visit("Вера", at(24, 13), "arrived", booked=at(23, 12), lead_id=tried.pk, closed_at=at(24, 13))
    past.visit("Ира", at(24, 14), "arrived", booked=at(23, 12))
    assert names(past.figures(24).visits) == ["Ира"]
    assert facts.load_worth(past.salon.clock.now()) == {"": Worth(1, 100_000, 0, 0)}


def test_days_are_those_of_the_branch(past):
    """Midnight in Ufa is 19:00 UTC of the day before."""
    past.lead("Вчера", at(23, 23, 59, 59))
    past.lead("Ночью", at(24, 0, 0, 0))
    past.lead("Поздно", at(24, 23, 59, 59))
    past.lead("Завтра", at(25, 0, 0, 0))
    assert names(past.figures(24).leads) == ["Ночью", "Поздно"]
    assert [lead.hour for lead in past.figures(24).leads] == [0, 23]


def test_a_lead_of_a_branch_in_another_zone_lies_in_its_own_day(past, salon):
    from tenants.business.models import Branch

    past.client("Ира")
    omsk = Branch.objects.create(name="Омск", city="omsk", address="Омск", timezone="Asia/Omsk", position=9)
    past.lead("Ира", at(24, 23, 30), branch=omsk)  # 0:30 of the 25th in Omsk
    assert names(past.figures(24).leads) == []
    assert names(past.figures(25).leads) == ["Ира"]


# --- Answers ------------------------------------------------------------------------------------------------------


def test_first_answer_middle_and_nine_of_ten(past):
    for number, seconds in enumerate((1, 2, 3, 4, 100, 6, 7, 8, 9, 10)):
        past.lead(f"К{number}", at(24, 12, number), answer=seconds)
    past.lead("Без ответа", at(24, 13), answer=None)
    found = kpi.answers(past.figures(24).leads)
    assert (found.assistant.median, found.assistant.p90, found.assistant.count) == (6.5, 10, 10)
    assert found.person == kpi.Spread(None, None, 0)


def test_assistant_and_people_working_hours_and_night_are_told_apart(past):
    past.lead("Днём", at(24, 12), answer=2)
    past.lead("Днём ждал", at(24, 15), answer=240, by="staff")
    past.lead("Ночью", at(24, 23), answer=3)
    past.lead("До открытия", at(24, 8, 59), answer=90, by="staff")
    part = past.figures(24)
    day = kpi.answers([lead for lead in part.leads if lead.is_working])
    night = kpi.answers([lead for lead in part.leads if not lead.is_working])
    assert (day.assistant.median, day.person.median) == (2, 240)
    assert (night.assistant.median, night.person.median) == (3, 90)


def test_answers_by_the_hour_in_which_the_client_wrote(past):
    past.lead("Ира", at(23, 9, 1), answer=2)
    past.lead("Оля", at(24, 9, 59), answer=4)
    past.lead("Вера", at(24, 22), answer=100, by="staff")
    hours = {
        hour: (count, found.assistant.median, found.person.median)
        for hour, count, found in kpi.answers_by_hour(past.figures(23, 24).leads)
    }
    assert hours[9] == (2, 3, None)
    assert hours[22] == (1, None, 100)
    assert hours[0] == (0, None, None)
    assert len(hours) == 24


def test_missed_runs_in_business_time(past):
    hour = 3600
    past.lead("Ответили в срок", at(24, 12), answer=hour, by="staff")
    past.lead("Ответили поздно", at(24, 13), answer=hour + 1, by="staff")
    past.lead("Забыли", at(24, 14), answer=None)
    past.lead("Вечер, ответ утром", at(23, 20, 30), answer=12 * hour + 59 * 60, by="staff")  # 9:29: 59 min of work
    past.lead("Вечер, ответ позже", at(23, 20, 29), answer=13 * hour + 120, by="staff")  # 9:31: 62 min of work
    past.lead("Ночь, ответ в десять", at(24, 2), answer=8 * hour, by="staff")
    assert names(past.figures(23, 24).missed) == ["Вечер, ответ позже", "Забыли", "Ответили поздно"]


def test_not_yet_missed_before_the_hour_is_over(past, clock):
    past.lead("Ждёт", at(25, 11, 30), answer=None, status="open", outcome_at=None)
    assert past.figures(25).missed == []
    clock.tick(minutes=31)
    assert names(past.figures(25).missed) == ["Ждёт"]


# --- Outcomes -----------------------------------------------------------------------------------------------------


def test_unprocessed_are_without_an_outcome_a_day_after(past):
    past.lead("Записан", at(23, 12), status="booked", outcome_at=at(23, 13))
    past.lead("Отказ через двое суток", at(22, 12), outcome_at=at(24, 12, 1))
    past.lead("Открыт", at(23, 12), status="open", outcome_at=None)
    past.lead("Ещё рано", at(24, 12, 1), status="open", outcome_at=None)
    part = past.figures(22, 24)
    assert names(part.unprocessed) == ["Отказ через двое суток", "Открыт"]
    assert len(part.ripe) == 3


def test_time_to_outcome(past):
    past.lead("Быстро", at(24, 10), outcome_at=at(24, 10, 10))
    past.lead("Долго", at(24, 10), outcome_at=at(24, 11))
    past.lead("Открыт", at(24, 10), status="open", outcome_at=None)
    assert kpi.spread(lead.handling_seconds for lead in past.figures(24).leads).median == 35 * 60


def test_conversion_counts_who_booked_within_thirty_days_by_any_way(past):
    past.lead("Записалась", at(2, 12))
    past.visit("Записалась", at(5, 12), "arrived", booked=at(2, 13))
    past.lead("По телефону", at(2, 12))
    past.visit("По телефону", at(6, 12), "cancelled", booked=at(4, 12))
    past.lead("Раньше", at(2, 12))
    past.visit("Раньше", at(3, 12), "arrived", booked=at(1, 12))
    past.lead("Держала", at(2, 12))
    past.visit("Держала", at(7, 12), "expired", booked=at(2, 12))
    past.lead("Никогда", at(2, 12))
    part = past.figures(2)
    assert names(part.booked) == ["Записалась", "По телефону"]
    assert part.conversion == pytest.approx(0.4)
    assert names(part.not_booked) == ["Держала", "Никогда", "Раньше"]


def test_a_booking_after_thirty_days_is_not_of_this_lead(past):
    old = at(25, 10) - timedelta(days=31)
    past.lead("Поздно", old)
    past.visit("Поздно", at(26, 12), "booked", booked=old + timedelta(days=30, seconds=1))
    past.lead("Успел", old)
    past.visit("Успел", at(26, 13), "booked", booked=old + timedelta(days=30))
    period = Period(old.date(), old.date())
    part = kpi.cut(facts.load_world(period, facts.load_places()), period, past.salon.clock.now())
    assert names(part.booked) == ["Успел"]


def test_repeat_enquiries_are_those_without_a_booking_between(past):
    past.lead("Пишет снова", at(20, 12))
    past.lead("Пишет снова", at(24, 12))
    past.lead("Записалась между", at(20, 12))
    past.visit("Записалась между", at(21, 12), "arrived", booked=at(20, 13))
    past.lead("Записалась между", at(24, 12))
    past.lead("Давно", at(16, 12))
    past.lead("Давно", at(24, 12, 1))
    past.lead("После пробы", at(23, 12), is_test=True)
    past.lead("После пробы", at(24, 12))
    assert names(past.figures(24).repeated) == ["Пишет снова"]


# --- Visits -------------------------------------------------------------------------------------------------------


def test_confirmed_of_those_due_cancelled_left_out_moved_once(past):
    past.visit("Подтвердила", at(25, 10), "confirmed", booked=at(20, 9), confirmed_at=at(24, 10))
    past.visit("Пришла", at(25, 9), "arrived", booked=at(20, 9), confirmed_at=at(24, 10), closed_at=at(25, 9))
    past.visit("Молчит", at(25, 15), "booked", booked=at(20, 9))
    past.visit("Отменила", at(25, 16), "cancelled", booked=at(20, 9), confirmed_at=at(24, 9), closed_at=at(24, 12))
    past.visit("Перенесла на сегодня", at(25, 17), "booked", booked=at(20, 9), revision=1)
    past.visit("Перенесла с сегодня", at(26, 17), "booked", booked=at(20, 9), revision=1)
    past.visit("Держит", at(25, 18), "hold", booked=at(25, 11))
    part = past.figures(25)
    assert names(part.confirmed) == ["Подтвердила", "Пришла"]
    assert names(part.unconfirmed) == ["Молчит", "Перенесла на сегодня"]
    assert part.confirmed_share == 0.5


def test_no_show_of_visits_whose_end_is_known(past):
    past.visit("Пришла", at(24, 10), "arrived", booked=at(20, 9))
    past.visit("Пришла 2", at(24, 11), "arrived", booked=at(20, 9))
    past.visit("Пришла 3", at(24, 12), "arrived", booked=at(20, 9))
    past.visit("Не пришла", at(24, 13), "no_show", booked=at(20, 9))
    past.visit("Не отмечена", at(24, 14), "booked", booked=at(20, 9))
    part = past.figures(24)
    assert part.no_show_share == 0.25
    assert names(part.no_shows) == ["Не пришла"]


def test_nothing_to_tell_a_share_from_is_no_zero(past):
    part = past.figures(24)
    assert (part.conversion, part.confirmed_share, part.no_show_share) == (None, None, None)
    assert (part.cpl_kopecks, part.cac_kopecks, part.arpu_kopecks) == (None, None, None)


# --- Money --------------------------------------------------------------------------------------------------------


@pytest.fixture
def advertised(past):
    """Yandex: 3 leads, 2 new clients of whom one came before the period as well, 3 000 ₽ spent. VK: 1 lead, nobody."""
    past.lead("Аня", at(20, 10), source="Yandex", utm_campaign="brand")
    past.lead("Бэла", at(20, 11), source="yandex", utm_campaign="poisk")
    past.lead("Вика", at(20, 12), source="yandex", utm_campaign="poisk")
    past.lead("Галя", at(20, 13), source="vk")
    past.lead("Даша", at(1, 13), source="vk")
    past.visit("Аня", at(21, 10), "arrived", booked=at(20, 10, 5), price=1000, closed_at=at(21, 10))
    past.visit("Аня", at(22, 10), "arrived", booked=at(20, 10, 5), price=500, closed_at=at(22, 10))
    past.visit("Бэла", at(21, 11), "arrived", booked=at(20, 11, 5), price=2000, closed_at=at(21, 11))
    past.visit("Вика", at(21, 12), "no_show", booked=at(20, 12, 5), price=7000, closed_at=at(21, 12))
    past.visit("Даша", at(2, 10), "arrived", booked=at(1, 14), price=300, closed_at=at(2, 10))
    past.visit("Даша", at(22, 11), "arrived", booked=at(20, 14), price=300, closed_at=at(22, 11))
    past.spend(20, "yandex", 2000, "poisk")
    past.spend(21, "yandex", 1000, "brand")
    past.spend(21, "vk", 900)
    past.spend(19, "yandex", 50_000)
    return past


def test_money_by_source(advertised):
    sources = dict(kpi.by_source(advertised.figures(20, 22)))
    yandex, vk = sources["yandex"], sources["vk"]
    assert (len(yandex.leads), yandex.spend_kopecks, yandex.cpl_kopecks) == (3, 300_000, 100_000)
    assert (names(yandex.new_clients), yandex.cac_kopecks, yandex.revenue_kopecks) == (
        ["Аня", "Бэла"],
        150_000,
        350_000,
    )
    assert (len(vk.leads), vk.cpl_kopecks, vk.new_clients, vk.cac_kopecks) == (1, 90_000, [], None)
    assert vk.revenue_kopecks == 30_000
    campaigns = dict(kpi.by_campaign(yandex))
    assert campaigns["poisk"].cpl_kopecks == 100_000
    assert campaigns["brand"].cac_kopecks == 100_000


def test_money_of_it_all(advertised):
    part = advertised.figures(20, 22)
    assert part.revenue_kopecks == 380_000
    assert (part.paying_clients, part.arpu_kopecks) == (3, pytest.approx(380_000 / 3))
    assert part.cpl_kopecks == 390_000 / 4
    assert part.cac_kopecks == 195_000
    assert part.conversion == 0.75


def test_worth_of_a_source_is_all_that_its_clients_brought(advertised, clock):
    assert facts.load_worth(clock.now()) == {"yandex": Worth(2, 350_000, 0, 0), "vk": Worth(1, 60_000, 0, 0)}


def test_worth_in_the_first_year(past, clock):
    since = clock.now() - timedelta(days=400)
    past.visit("Давняя", since, "arrived", booked=since, price=1000)
    past.visit("Давняя", since + timedelta(days=364), "arrived", booked=since, price=200)
    past.visit("Давняя", since + timedelta(days=366), "arrived", booked=since, price=70)
    past.visit("Новая", at(24, 10), "arrived", booked=at(23, 10), price=5)
    assert facts.load_worth(clock.now())[""] == Worth(2, 127_500, 1, 120_000)


def test_spend_is_not_known_by_branch(advertised, salon):
    world = facts.load_world(days(20, 22), facts.load_places(), salon.branch.pk)
    assert len(world.leads) == 4
    assert world.spend == ()


def test_hours_saved(past):
    for minute in range(4):
        past.says("Ира", at(24, 12, minute))
    past.says("Ира", at(24, 13), author="staff")
    past.says("Ира", at(23, 23, 59))
    past.client("Проба", is_test=True)
    past.says("Проба", at(24, 12))
    past.visit("Ира", at(26, 12), "booked", booked=at(24, 12, 5), by_assistant=True)
    past.visit("Оля", at(26, 13), "booked", booked=at(24, 12, 5))
    assert past.figures(24).hours_saved == pytest.approx((4 * 1.5 + 4) / 60)


# --- Funnel, days, people -----------------------------------------------------------------------------------------


def test_funnel(past):
    past.lead("Без ответа", at(24, 9), answer=None)
    past.lead("Ответили", at(24, 9))
    asked = past.lead("Ответили не временем", at(24, 9))
    past.offered(asked, "greeting, ask_service")
    none = past.lead("Времени не было", at(24, 9))
    past.offered(none, "no_openings, no_more_openings")
    offered = past.lead("Предложили", at(24, 9))
    past.offered(offered)
    held = past.lead("Держали", at(24, 9))
    past.visit("Держали", at(26, 9), "expired", booked=at(24, 9), lead_id=held.pk)
    past.lead("Записалась", at(24, 9))
    past.visit("Записалась", at(26, 12), "booked", booked=at(24, 10))
    past.lead("Пришла", at(24, 9))
    past.visit("Пришла", at(24, 15), "arrived", booked=at(24, 10), closed_at=at(24, 15))
    steps = kpi.funnel(past.figures(24))
    assert [(step.key, step.count) for step in steps] == [
        ("incoming", 8),
        ("answered", 7),
        ("offered", 4),
        ("booked", 2),
        ("came", 1),
    ]
    assert steps[3].of_all == 0.25
    assert steps[3].of_previous == 0.5


def test_by_day_holds_empty_days_too(past):
    past.lead("Ира", at(22, 12))
    past.lead("Оля", at(24, 12))
    past.visit("Ира", at(23, 12), "arrived", booked=at(22, 13))
    rows = kpi.by_day(past.figures(22, 24), days(22, 24))
    assert [(day.day, len(own.leads), len(own.arrived)) for day, own in rows] == [(22, 1, 0), (23, 0, 1), (24, 1, 0)]


def test_people_and_how_soon_they_answer_in_business_time(past, salon):
    quick = past.lead("Ира", at(24, 12), answer=60, by="staff")
    past.taken(quick, salon.anna, at(24, 12), at(24, 12, 0, 30))
    past.says("Ира", at(24, 12, 1), author="staff", staff=salon.anna)
    past.visit("Ира", at(26, 12), "booked", booked=at(24, 12, 5))
    evening = past.lead("Оля", at(23, 20, 58), answer=43_500, by="staff")
    past.taken(evening, salon.anna, at(23, 20, 58), at(24, 9, 1))
    past.says("Оля", at(24, 9, 3), author="staff", staff=salon.anna)  # 2 minutes in the evening, 3 in the morning
    lost = past.lead("Вера", at(24, 14))
    past.taken(lost, salon.anna, at(24, 14), at(24, 14, 1), ended_at=at(24, 14, 5))
    past.says("Вера", at(24, 14, 20), author="staff", staff=salon.anna)
    past.taken(lost, salon.boris, at(24, 14, 5), at(24, 14, 6))
    past.says("Вера", at(24, 14, 8), author="staff", staff=salon.boris)
    before = past.lead("Галя", at(22, 14))
    past.taken(before, salon.boris, at(22, 14), at(22, 14, 6))
    tried = past.lead("Проба", at(24, 14), is_test=True)
    past.taken(tried, salon.boris, at(24, 14), at(24, 14, 6))
    anna, boris = kpi.people(facts.load_taken(days(24), facts.load_places()))
    assert (anna.name, anna.taken, anna.booked) == ("Анна", 3, 1)
    assert (anna.answer.median, anna.answer.p90, anna.answer.count) == (180, 300, 2)
    assert (boris.name, boris.taken, boris.answer.median) == ("Борис", 1, 180)


# --- Then and now -------------------------------------------------------------------------------------------------


def test_yesterday_by_this_hour_knows_nothing_of_what_came_later(past, clock):
    """It is noon; what happened yesterday after noon is left out of the comparison."""
    past.lead("Утром", at(24, 10))
    past.visit("Утром", at(24, 11), "no_show", booked=at(23, 10), confirmed_at=at(23, 12), closed_at=at(24, 11, 30))
    past.lead("Утром, ответ вечером", at(24, 11), answer=8 * 3600, by="staff")
    past.visit("Утром, ответ вечером", at(24, 18), "arrived", booked=at(24, 13), closed_at=at(24, 18))
    past.visit(
        "Давно записана", at(24, 19), "arrived", booked=at(20, 10), confirmed_at=at(24, 15), closed_at=at(24, 19)
    )
    past.lead("Вечером", at(24, 12, 0, 1))
    world = facts.load_world(days(24), facts.load_places())
    whole = kpi.cut(world, days(24), clock.now())
    then = kpi.cut(world, days(24), clock.now() - timedelta(days=1), is_past=True)
    assert (len(whole.leads), len(then.leads)) == (3, 2)
    assert (len(whole.answered), len(then.answered)) == (3, 1)
    assert (len(whole.booked), len(then.booked)) == (1, 0)
    assert (whole.no_show_share, then.no_show_share) == (pytest.approx(1 / 3), 1.0)
    assert (whole.confirmed_share, then.confirmed_share) == (pytest.approx(2 / 3), 0.5)
    assert (names(whole.missed), then.missed) == (["Утром, ответ вечером"], [])


def test_before_is_as_many_days_right_before():
    assert Period(date(2026, 11, 19), TODAY).before == days(12, 18)
    assert Period(date(2026, 3, 1), date(2026, 3, 1)).before == Period(date(2026, 2, 28), date(2026, 2, 28))


# --- The leads behind a figure ------------------------------------------------------------------------------------


def test_lists_hold_what_the_figure_counted(advertised, clock):
    def picked(figure, **more):
        return names(lists.find(Chosen(figure, days(20, 22), **more), facts.load_places(), now=clock.now()))

    assert picked("incoming") == ["Аня", "Бэла", "Вика", "Галя"]
    assert picked("incoming", source="yandex", campaign="poisk") == ["Бэла", "Вика"]
    assert picked("no_show") == ["Вика"]
    assert picked("no_show", source="vk") == []
    assert picked("new_clients", source="yandex") == ["Аня", "Бэла"]
    assert picked("not_booked") == ["Галя"]
    assert picked("incoming", hour=13) == ["Галя"]
    assert picked("incoming", hours="night") == []
    assert picked("incoming", channel="form") == []
