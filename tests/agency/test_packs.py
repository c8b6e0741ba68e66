"""The packs as a new business meets them: they load, make sense, and say what is wrong when they do not."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

import pymorphy3
import pytest

from agency.packs import PackError, all_businesses, all_trades, load_business, load_city, load_trade, loading
from agency.packs.section import Section, intervals
from agency.packs.shapes import CITIES, MATRIX_ROLES, STAGES, TRADES, BranchDef, BusinessPack
from agency.packs.weeks import shifts, week_hours

EIGHT_WEEKS = [date(2026, 11, 2) + timedelta(days=n) for n in range(56)]
BUSINESSES = ["barber-omsk", "cosmo-krasnoyarsk", "dental-nizhny", "salon-ufa"]

trade_packs = pytest.mark.parametrize("trade", TRADES)
city_packs = pytest.mark.parametrize("city", CITIES)
business_packs = pytest.mark.parametrize("slug", BUSINESSES)


@pytest.fixture(scope="module")
def lemmas():
    morph = pymorphy3.MorphAnalyzer()

    def of(phrase: str) -> tuple[str, ...]:
        words = re.findall(r"[\w+]+", loading.same_words(phrase))
        return tuple(sorted(morph.parse(word)[0].normal_form.replace("ё", "е") for word in words))

    return of


# Trades


def test_all_seven_trades_load_in_the_products_order():
    assert [pack.key for pack in all_trades()] == list(TRADES)


@trade_packs
def test_price_list_is_numbered_from_one_in_the_order_of_the_file(trade):
    pack = load_trade(trade)
    prices = pack.price_list()
    assert [line.id for line in prices] == list(range(1, len(pack.services) + 1))
    assert [line.name for line in prices] == [service.name for service in pack.services]
    assert 20 <= len(prices) <= 40


@trade_packs
def test_services_are_believable(trade):
    pack = load_trade(trade)
    assert len({service.name for service in pack.services}) == len(pack.services)
    assert {service.category for service in pack.services} == set(pack.categories)
    for service in pack.services:
        assert 10_000 < service.price_kopecks < 50_000_000, service.name
        assert service.price_to_kopecks is None or service.price_to_kopecks > service.price_kopecks, service.name
        assert 10 <= service.duration_minutes <= 300, service.name
        assert service.duration_minutes % 5 == 0, service.name
        assert len(service.synonyms) >= 3, service.name


@trade_packs
def test_no_phrase_names_two_services_even_when_declined_or_reordered(trade, lemmas):
    owner: dict[tuple[str, ...], str] = {}
    for service in load_trade(trade).services:
        for phrase in (service.name, *service.synonyms):
            assert owner.setdefault(lemmas(phrase), service.name) == service.name, phrase


@trade_packs
def test_every_skill_is_needed_by_a_service(trade):
    pack = load_trade(trade)
    assert {skill.key for skill in pack.skills} == {service.skill for service in pack.services}


@trade_packs
def test_matrix_has_one_accountable_and_somebody_who_does_it(trade):
    matrix = load_trade(trade).matrix
    assert tuple(matrix) == STAGES
    for stage, row in matrix.items():
        letters = list(row.values())
        assert letters.count("A") == 1, stage
        assert "R" in letters, stage
        assert set(row) <= set(MATRIX_ROLES), stage


@trade_packs
@pytest.mark.parametrize("stage", ["first_contact", "qualification", "booking", "confirmation", "reminder", "nurture"])
def test_senior_answers_for_selling(trade, stage):
    assert load_trade(trade).matrix[stage]["senior"] == "A"


@trade_packs
def test_answers_offers_and_promotions_come_with_a_trade(trade):
    pack = load_trade(trade)
    assert len({entry.question for entry in pack.knowledge}) == len(pack.knowledge) >= 10
    assert len(pack.upsells) >= 3
    assert len({promo.code for promo in pack.promos}) == len(pack.promos) >= 2
    assert all(promo.code in promo.text and promo.code == promo.code.upper() for promo in pack.promos)


@trade_packs
def test_ready_answers_name_no_price_and_no_hour(trade):
    """Those come from the price list and the branch, where they are kept up to date."""
    for entry in load_trade(trade).knowledge:
        assert not re.search(r"₽|\bруб|\d+:\d\d", entry.answer), entry.question


@trade_packs
def test_an_offer_names_no_price_and_no_minutes(trade):
    """The assistant tells both from the price list, right beside it."""
    for upsell in load_trade(trade).upsells:
        assert not re.search(r"\d|₽|\bруб|час|минут", upsell.text), upsell.text


def test_clinical_trades_know_danger_signs():
    assert [pack.key for pack in all_trades() if pack.clinical] == ["dental", "clinic"]
    for trade, sign in [("dental", "опухла щека"), ("dental", "кровотечение"), ("clinic", "боль в груди")]:
        assert sign in load_trade(trade).urgent_signs


@pytest.mark.parametrize(
    ("trade", "phrase", "name"),
    [
        ("salon", "маник", "Маникюр с покрытием гель-лак"),
        ("salon", "корни", "Окрашивание корней"),
        ("barbershop", "стрижка", "Мужская стрижка"),
        ("dental", "вырвать зуб", "Удаление зуба"),
        ("clinic", "к лору", "Приём ЛОР-врача"),
        ("cosmetology", "ботокс", "Ботулинотерапия"),
        ("massage", "спина", "Массаж спины"),
        ("fitness", "персоналка", "Персональная тренировка"),
    ],
)
def test_clients_own_words_lead_to_the_service(trade, phrase, name):
    assert [service.name for service in load_trade(trade).services if phrase in service.synonyms] == [name]


# Cities


@city_packs
def test_city_is_found_by_key_and_by_every_name(city):
    pack = load_city(city)
    assert load_city(pack.name) is pack
    assert load_city(pack.name.upper()) is pack
    for alias in pack.aliases:
        assert load_city(alias) is pack


@pytest.mark.parametrize(
    ("name", "zone"),
    [
        ("Уфа", "Asia/Yekaterinburg"),
        ("Омск", "Asia/Omsk"),
        ("Нижний Новгород", "Europe/Moscow"),
        ("Красноярск", "Asia/Krasnoyarsk"),
    ],
)
def test_city_keeps_its_own_clock(name, zone):
    assert load_city(name).timezone == zone


def recognised(place, text: str) -> bool:
    """What a stem and a synonym mean, spelt out: words that begin so one after another, or whole words."""
    words = loading.same_words(text.replace(",", " ")).split()

    def stands(phrase: str, fits) -> bool:
        parts = phrase.split()
        return any(
            all(fits(word, part) for word, part in zip(words[at:], parts, strict=False))
            for at in range(len(words) - len(parts) + 1)
        )

    return any(stands(stem, str.startswith) for stem in place.stems) or any(
        stands(phrase, str.__eq__) for phrase in place.synonyms
    )


@pytest.mark.parametrize(
    ("city", "text", "name"),
    [
        ("ufa", "я с дёмы, далеко ехать", "Дёма"),
        ("ufa", "удобнее в Сипайлово", "Сипайлово"),
        ("ufa", "живу в Зелёной роще", "Зелёная Роща"),
        ("ufa", "из чишмов приеду", "Чишмы"),
        ("omsk", "мы в Красноярке отдыхаем", "Красноярка"),
        ("omsk", "есть на левом берегу", "Левый берег"),
        ("nizhny", "я на Автозаводе", "Автозаводский район"),
        ("nizhny", "еду с бора", "Бор"),
        ("krasnoyarsk", "на Взлётке есть филиал", "Взлётка"),
        ("krasnoyarsk", "зелёная роща", "Зелёная Роща"),
    ],
)
def test_places_are_known_in_clients_words(city, text, name):
    assert name in [place.name for place in load_city(city).places if recognised(place, text)]


@pytest.mark.parametrize(
    ("city", "text"),
    [
        ("nizhny", "болит нижний зуб"),
        ("nizhny", "подарите цветы, запись на бор"),
        ("ufa", "дематериализация"),
        ("krasnoyarsk", "еду из Красноярки"),
        ("krasnoyarsk", "после весны"),
        ("krasnoyarsk", "запишите Назарову Ольгу"),
    ],
)
def test_everyday_words_are_no_places(city, text):
    assert [place.name for place in load_city(city).places if recognised(place, text)] == []


@city_packs
def test_city_is_described_in_full(city):
    pack = load_city(city)
    assert len(pack.districts) >= 15
    assert {place.zone for place in pack.suburbs} == {"suburb", "outside"}
    assert len(pack.streets) >= 25
    assert len({place.name for place in pack.places}) == len(pack.places)


# Demo businesses


def test_four_demo_businesses_one_a_city():
    packs = all_businesses()
    assert [pack.slug for pack in packs] == BUSINESSES
    assert {pack.city.key for pack in packs} == set(CITIES)


@business_packs
def test_demo_business_says_that_it_is_invented(slug):
    pack = load_business(slug)
    assert pack.invented
    assert "(демо)" in pack.name
    assert all("(демо)" in branch.address for branch in pack.branches)


def test_demo_phones_ring_nowhere_and_belong_to_one():
    phones = [item.phone for pack in all_businesses() for item in (*pack.branches, *pack.staff)]
    assert len(set(phones)) == len(phones)
    assert all(re.fullmatch(r"\+7907\d{7}", phone) for phone in phones)


def test_logins_are_one_a_person():
    emails = [person.email for pack in all_businesses() for person in pack.staff]
    assert len(set(emails)) == len(emails)
    assert [person.email for person in load_business("salon-ufa").staff if person.role == "receptionist"] == [
        "receptionist@salon-ufa.demo",
        "receptionist2@salon-ufa.demo",
    ]


@business_packs
def test_everyone_the_matrix_asks_for_is_employed(slug):
    pack = load_business(slug)
    roles = {person.role for person in pack.staff}
    wanted = {role for row in pack.matrix.values() for role, letter in row.items() if letter in "RA"}
    assert wanted - {"assistant"} <= roles
    assert all(3 <= person.load_cap <= 4 for person in pack.staff)


@business_packs
def test_districts_near_two_branches_do_not_overlap(slug):
    near = [district for branch in load_business(slug).branches for district in branch.districts]
    assert len(set(near)) == len(near)


def open_minutes(branch: BranchDef, day: date) -> list[time]:
    """The opening hours of a day in steps of five minutes."""
    moments = []
    for start, end in branch.hours[day.weekday()]:
        at = datetime.combine(day, start)
        while at < datetime.combine(day, end):
            moments.append(at.time())
            at += timedelta(minutes=5)
    return moments


def at_work(pack: BusinessPack, branch: BranchDef, day: date, moment: time, *, breaks_count: bool) -> list:
    """Who is on shift; people at lunch only when `breaks_count`."""
    return [
        person
        for person in pack.staff
        for shift in person.shifts
        if shift.branch == branch.key and shift.is_on(day) and shift.start <= moment < shift.end
        if breaks_count or shift.break_start is None or not shift.break_start <= moment < shift.break_end
    ]


@business_packs
def test_every_opening_hour_has_a_receptionist_and_people_who_serve(slug):
    pack = load_business(slug)
    for branch in pack.branches:
        for day in EIGHT_WEEKS:
            for moment in open_minutes(branch, day):
                here = at_work(pack, branch, day, moment, breaks_count=False)
                assert any(person.role in ("receptionist", "manager") for person in here), (branch.key, day, moment)
                assert any(person.takes_bookings for person in here), (branch.key, day, moment)
                on_shift = at_work(pack, branch, day, moment, breaks_count=True)
                assert sum(person.takes_bookings for person in on_shift) >= 2, (branch.key, day, moment)


@business_packs
def test_every_service_can_be_booked_in_every_week(slug):
    """Somebody with the skill works long enough in one piece, inside the opening hours, for service and clean-up."""
    pack = load_business(slug)
    hours = {branch.key: branch.hours for branch in pack.branches}
    for week in range(8):
        longest: dict[str, int] = {}
        for day in EIGHT_WEEKS[week * 7 : week * 7 + 7]:
            for person in pack.staff:
                for shift in person.shifts:
                    if shift.is_on(day):
                        minutes = longest_piece(shift, hours[shift.branch][day.weekday()])
                        for skill in person.skills:
                            longest[skill] = max(longest.get(skill, 0), minutes)
        for service in pack.services:
            needed = service.duration_minutes + service.buffer_minutes
            assert longest.get(service.skill, 0) >= needed, service.name


def longest_piece(shift, hours) -> int:
    """Minutes of the longest time without a break inside both the shift and the opening hours."""
    if shift.break_start:
        pieces = [(shift.start, shift.break_start), (shift.break_end, shift.end)]
    else:
        pieces = [(shift.start, shift.end)]
    both = [(max(a, c), min(b, d)) for a, b in pieces for c, d in hours]
    return max([(end.hour - start.hour) * 60 + end.minute - start.minute for start, end in both] + [0])


def test_own_prices_replace_the_trades_and_the_rest_stays():
    own = {line.name: line for line in load_business("salon-ufa").price_list()}
    usual = {line.name: line for line in load_trade("salon").price_list()}
    assert own["Женская стрижка"].price_kopecks == 170_000 != usual["Женская стрижка"].price_kopecks
    assert own["Женская стрижка"].synonyms == usual["Женская стрижка"].synonyms
    assert own["Мелирование"] == usual["Мелирование"]


def test_cosmetology_and_massage_share_one_price_list(lemmas):
    pack = load_business("cosmo-krasnoyarsk")
    prices = pack.price_list()
    assert len(prices) == len(load_trade("cosmetology").services) + len(load_trade("massage").services) - 1
    assert [line.id for line in prices] == list(range(1, len(prices) + 1))
    owner: dict[tuple[str, ...], str] = {}
    for line in prices:
        for phrase in (line.name, *line.synonyms):
            assert owner.setdefault(lemmas(phrase), line.name) == line.name, phrase
    assert len({entry.question for entry in pack.knowledge}) == len(pack.knowledge)


# Hours and shifts


def test_two_on_two_off_works_two_days_of_four():
    person = Section(
        {"two_on_two_off": {"start": date(2026, 1, 1), "hours": "09:00-21:00"}, "break": "13:00-14:00"}, file="x.yaml"
    )
    rows = shifts(person, branch="main")
    assert [any(row.is_on(date(2026, 1, day)) for row in rows) for day in range(1, 9)] == [True, True, False, False] * 2
    assert {(row.start, row.end, row.break_start, row.break_end) for row in rows} == {
        (time(9), time(21), time(13), time(14))
    }


def test_weekly_shift_keeps_its_weekdays_before_and_after_the_anchor():
    rows = shifts(Section({"weekly": {"mon-tue": "09:00-18:00", "sat": "10:00-15:00"}}, file="x.yaml"), branch="main")
    for day in (date(2025, 12, 29), date(2026, 11, 2)):  # Mondays
        week = [any(row.is_on(day + timedelta(days=n)) for row in rows) for n in range(7)]
        assert week == [True, True, False, False, False, True, False]


def test_lunch_is_the_gap_between_two_intervals():
    week = week_hours(Section({"mon-fri": "09:00-13:00, 14:00-20:00", "sun": "closed"}, file="x.yaml"))
    assert week[0] == ((time(9), time(13)), (time(14), time(20)))
    assert week[5] == week[6] == ()


@pytest.mark.parametrize("hours", ["9-18", "18:00-09:00", "09:00-14:00, 13:00-18:00", "09:00", "с девяти"])
def test_hours_that_make_no_sense_are_refused(hours):
    with pytest.raises(PackError, match="x.yaml: mon"):
        intervals(Section({"mon": hours}, file="x.yaml"), "mon")


# What is wrong is said


GOOD_TRADE = """
title: Проба
skills: {cut: Стрижки}
categories:
  - title: Волосы
    skill: cut
    services:
      - {name: Стрижка, duration_minutes: 30, price_rub: 500, synonyms: [подстричься]}
      - {name: Борода, duration_minutes: 30, price_rub: 500, synonyms: [побриться]}
matrix: {%s}
knowledge: []
upsells: []
promos: []
""" % ", ".join(f"{stage}: {{senior: A, receptionist: R}}" for stage in STAGES)  # noqa: UP031 - braces of YAML


@pytest.fixture
def written(tmp_path, monkeypatch):
    """Loads a trade from the given text, as if it were the pack `probe`."""
    (tmp_path / "trades").mkdir()
    monkeypatch.setattr(loading, "FOLDER", tmp_path)

    def load(text: str):
        (tmp_path / "trades" / "probe.yaml").write_text(text, encoding="utf-8")
        load_trade.cache_clear()
        return load_trade("probe")

    yield load
    load_trade.cache_clear()


def test_small_trade_loads(written):
    assert [line.name for line in written(GOOD_TRADE).price_list()] == ["Стрижка", "Борода"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("price_rub: 500, synonyms: [под", "price_rub: 0, synonyms: [под", r"services\[1\]\.price_rub.*at least 1"),
        ("price_rub: 500, synonyms: [под", "price_rub: дорого, synonyms: [под", r"price_rub.*got 'дорого'"),
        ("synonyms: [побриться]", "synonyms: [ПодСтричься]", "«ПодСтричься» names both «Стрижка» and «Борода»"),
        ("synonyms: [побриться]", "synonims: [побриться]", r"synonyms: is missing"),
        ("synonyms: [побриться]", "synonyms: [побриться], prise: 5", r"prise: unknown key"),
        ("skill: cut", "skill: cutt", r"unknown skill 'cutt'"),
        ("complaint: {senior: A, receptionist: R}", "complaint: {senior: A, owner: A}", r"matrix\.complaint: needs"),
        ("complaint: {senior: A, receptionist: R}", "complaint: {senior: A}", r"at least one R"),
        ("booking: {senior: A", "booking: {boss: A", r"matrix\.booking\.boss: unknown key"),
        ("promos: []", "promos: []\npromos: []", "'promos' stands twice"),
        ("promos: []", "promos: []\ntexts: {no_such_text: Да}", r"texts\.no_such_text"),
        ("promos: []", "promos: []\nclinical: true", "a clinical trade needs them"),
        ("upsells: []", "upsells: [{service: Борода, offer: Усы, text: Да}]", "no service is called 'Усы'"),
        ("title: Проба", "title: [", "not valid YAML"),
    ],
)
def test_mistake_is_named_with_its_file_and_key(written, before, after, said):
    assert before in GOOD_TRADE
    with pytest.raises(PackError, match=said) as caught:
        written(GOOD_TRADE.replace(before, after, 1))
    assert "trades/probe.yaml" in str(caught.value)


@pytest.mark.parametrize("key", ["bakery", "../cities/ufa", "", "salon.yaml"])
def test_unknown_pack_is_refused(key):
    with pytest.raises(PackError):
        load_trade(key)


def test_unknown_city_is_refused_with_the_known_ones():
    with pytest.raises(PackError, match="ufa, omsk, nizhny, krasnoyarsk"):
        load_city("Красноярка")
