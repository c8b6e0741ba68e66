"""The product walked whole, by everybody who uses it. The tests stand in the order of the story and share it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.people import PHONE, WIDE, Desk, Visitor, plain, shot
from tests.e2e.product import MOMENTS, NEIGHBOUR, SALON, UFA, Product, TelegramClient, until

pytestmark = pytest.mark.browser
expect.set_options(timeout=MOMENTS * 1000)

POLINA, POLINA_PHONE = "Полина Орлова", "+79075550101"
NINA_PHONE, ZOYA_PHONE, DARIA_PHONE, RITA_PHONE = "+79075550102", "+79075550103", "+79075550104", "+79075550105"


@dataclass
class Walk:
    """What one part of the story leaves for the next."""

    incoming_before: int = 0
    leads_before: set[int] = field(default_factory=set)
    polina_lead: int = 0


@pytest.fixture(scope="module")
def walk() -> Walk:
    return Walk()


@pytest.fixture(scope="module")
def anna(desk: Desk) -> Page:
    """The receptionist's inbox, open from the morning on and never loaded again."""
    page = desk.member("receptionist", "inbox/")
    expect(page.locator("[data-rows] > li").first).to_be_visible()
    page.evaluate("window.sinceMorning = true")
    return page


@pytest.fixture(scope="module")
def owner(desk: Desk) -> Page:
    return desk.member("owner", "reports/")


@pytest.fixture(autouse=True)
def never_loaded_again(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "anna" in request.fixturenames:
        assert request.getfixturevalue("anna").evaluate("window.sinceMorning")


# --- Small things that people do ------------------------------------------------------------------------------------


def row_of(page: Page, *words: str) -> Locator:
    rows = page.locator("[data-rows] > li")
    for text in words:
        rows = rows.filter(has_text=text)
    return rows.first


def rows_of(page: Page) -> set[str]:
    """The leads in the list."""
    return set(page.locator("[data-rows] > li").evaluate_all("rows => rows.map(row => row.dataset.lead)"))


def open_by_keyboard(page: Page, row: Locator) -> int:
    """Down the list by J until the row is reached, then Enter. The lead's number."""
    number = row.get_attribute("data-lead")
    link = page.locator(f"#lead-{number} [data-row-link]")
    page.locator("body").click(position={"x": 2, "y": 880})
    for _ in range(60):
        page.keyboard.press("k")
    for _ in range(60):
        if link.evaluate("link => link === document.activeElement"):
            break
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(f"#conversation[data-lead='{number}']")).to_be_visible()
    return int(number)


def fits(page: Page) -> bool:
    """A phone's page does not move sideways."""
    return page.evaluate("document.scrollingElement.scrollWidth") <= PHONE["width"]


def today_figure(page: Page, title: str) -> int:
    figure = page.locator("section[aria-labelledby=today] article").filter(has_text=title).first
    return int(re.sub(r"\D", "", figure.locator(".figure__value a").evaluate("link => link.firstChild.textContent")))


def leads_of(page: Page, desk: Desk, tenant: str = SALON) -> list[dict]:
    """The newest leads as the API tells them."""
    answer = page.request.get(desk.url("api/v1/leads/", tenant))
    assert answer.ok, answer.text()
    return answer.json()["results"]


# --- The story ------------------------------------------------------------------------------------------------------


def test_owner_and_desk_begin_their_day(desk: Desk, anna: Page, owner: Page, walk: Walk):
    walk.incoming_before = today_figure(owner, "Заявки")
    walk.leads_before = {lead["id"] for lead in leads_of(anna, desk)}
    assert walk.incoming_before > 0


def test_a_client_books_in_the_chat_while_the_inbox_looks_on(desk: Desk, anna: Page, walk: Walk):
    polina = Visitor(desk)

    answer = polina.writes("Здравствуйте! Хочу записаться на маникюр с гель-лаком завтра после 15")

    assert "Маникюр с покрытием гель-лак: есть свободное время" in answer
    assert "завтра, в четверг 26 ноября" in answer
    assert polina.choices.count() == 4  # three openings, and another time
    shot(polina.page, "01-offer")

    row = row_of(anna, "Маникюр с покрытием гель-лак, завтра после 15")
    expect(row).to_be_visible()
    expect(row.locator(".heat--hot")).to_be_visible()
    shot(anna, "02-new-lead")
    walk.polina_lead = open_by_keyboard(anna, row)
    assert walk.polina_lead not in walk.leads_before
    expect(anna.locator("#messages")).to_contain_text("Хочу записаться на маникюр")

    card = anna.locator("#card")
    card.get_by_text("почему", exact=True).click()
    shown = card.locator(".score__parts:visible .score__points")
    points = [int(text.split("/")[0].replace("−", "-")) for text in shown.all_inner_texts()]
    assert len(points) >= 4
    assert sum(points) == int(card.locator(".score__total").inner_text())
    card.get_by_text("Почему здесь").click()
    expect(card.locator(".candidates li.is-chosen")).to_have_count(1)
    shot(anna, "03-why")

    assert "Держим для вас время" in polina.taps()
    expect(anna.locator("#messages")).to_contain_text("Держим для вас время")
    assert "согласие" in polina.writes(f"{POLINA}, {POLINA_PHONE}")
    booked = plain(polina.taps("Даю согласие"))
    assert "запис" in booked.split(".")[0].lower()
    assert "Маникюр" in booked
    shot(polina.page, "04-booked")

    expect(card.locator(".card__name")).to_contain_text(POLINA)
    expect(card).to_contain_text("Записи")
    expect(card).to_contain_text("чт 26 ноября")
    expect(anna.locator("#conversation-head")).to_contain_text("Записан")
    shot(anna, "05-booked-inbox")

    expect(anna.locator(f"#lead-{walk.polina_lead} .row__clock")).to_be_hidden()

    said, heard = polina.said.count(), polina.heard.count()
    polina.page.reload()
    polina.open_chat()
    expect(polina.said).to_have_count(said)
    expect(polina.heard).to_have_count(heard)
    expect(polina.heard.last).to_contain_text("Вас примет Ксения Орлова")


def test_a_person_takes_a_telegram_client_and_is_read_there(product: Product, anna: Page):
    maria = TelegramClient(product, 700001, "Мария Лебедева")
    assert "Окрашивание" in maria.writes("Здравствуйте! Сколько стоит окрашивание в один тон?")
    maria.writes("А Ольга сможет меня принять завтра?")

    open_by_keyboard(anna, row_of(anna, "Мария Лебедева"))
    expect(row_of(anna, POLINA)).to_be_hidden()  # booked: it was kept only while it was open
    anna.keyboard.press("t")
    expect(anna.locator("#conversation-head")).to_contain_text("ведёте вы")
    anna.keyboard.press("r")
    anna.keyboard.type("Мария, Ольга завтра работает до шести. Вам удобнее утром?")
    shot(anna, "06-replying")
    anna.keyboard.press("Control+Enter")

    until(lambda: maria.heard()[-1].startswith("Мария, Ольга завтра"), "the person's reply in Telegram")
    expect(anna.locator("[data-composer-text]")).to_have_value("")

    # The client goes on; the assistant leaves the word to the person.
    before = len(maria.heard())
    maria.says("Да, утром отлично")
    expect(anna.locator("#messages")).to_contain_text("Да, утром отлично")
    anna.wait_for_timeout(3000)
    assert len(maria.heard()) == before


def test_a_person_answers_a_visitor_who_sees_it_at_once(desk: Desk, anna: Page):
    rita, before = Visitor(desk, phone=True), rows_of(anna)
    rita.writes("Добрый день! Посоветуйте, пожалуйста, как ухаживать за волосами после осветления")
    shot(rita.page, "07-chat")

    [fresh] = until(lambda: anna.wait_for_timeout(100) or rows_of(anna) - before, "a new row")
    open_by_keyboard(anna, anna.locator(f"#lead-{fresh}"))
    expect(anna.locator("#messages")).to_contain_text("после осветления")
    anna.keyboard.press("t")
    expect(anna.locator("#conversation-head")).to_contain_text("ведёте вы")
    rita.page.evaluate("window.kept = true")
    anna.keyboard.press("r")
    anna.keyboard.type("Мягкий шампунь и маска раз в неделю, а подробно расскажет Ольга на приёме.")
    anna.keyboard.press("Control+Enter")

    expect(rita.heard.last).to_contain_text("Мягкий шампунь и маска")
    assert rita.page.evaluate("window.kept")
    shot(rita.page, "08-chat-person")
    shot(anna, "08-person-replied")


def test_a_form_asks_for_a_call_and_bitrix_holds_it_all(desk: Desk, product: Product, anna: Page, walk: Walk):
    site = desk.stranger(phone=True)
    site.goto(desk.url("site/?utm_source=yandex&utm_medium=cpc&utm_campaign=brand"))
    site.get_by_label("Имя").fill("Зоя")
    site.get_by_label("Телефон").fill(ZOYA_PHONE)
    site.get_by_label("Когда удобно").fill("Перезвоните мне, пожалуйста")
    site.get_by_label("Согласие на обработку").check()
    shot(site, "09-form")
    site.get_by_role("button", name="Отправить").last.click()
    expect(site.get_by_text("Спасибо! Заявка у нас")).to_be_visible()
    row = row_of(anna, "Зоя")
    expect(row).to_be_visible()
    zoya_lead = int(row.get_attribute("data-lead"))

    def settled() -> dict | None:
        held = product.portal()
        leads = {row["originId"]: row for row in held["lead"]}
        found = {
            "polina": leads.get(f"{SALON}-lead-{walk.polina_lead}"),
            "zoya": leads.get(f"{SALON}-lead-{zoya_lead}"),
            "deal": next((row for row in held["deal"] if "Маникюр с покрытием" in row["title"]), None),
            "task": next((row for row in held["task"] if f"№ {zoya_lead}-" in row["title"]), None),
        }
        return found if all(found.values()) else None

    held = until(settled, "lead, deal and task in Bitrix24")
    assert POLINA.split()[0] in held["polina"]["title"]
    assert "запись" in held["polina"]["comments"].lower()
    assert held["zoya"]["utmSource"] == "yandex"
    assert held["deal"]["opportunity"] == 2200
    assert held["task"]["title"].startswith("Перезвонить")
    assert f"L_{held['zoya']['id']}" in held["task"]["ufCrmTask"]


def test_the_owner_sees_it_counted_and_opens_the_list(desk: Desk, anna: Page, owner: Page, walk: Walk):
    fresh = [lead for lead in leads_of(anna, desk) if lead["id"] not in walk.leads_before]
    assert len(fresh) == 4

    owner.reload()

    assert today_figure(owner, "Заявки") == walk.incoming_before + 4
    shot(owner, "10-owner", whole=True)
    owner.locator("section[aria-labelledby=today] article").filter(has_text="Заявки").first.locator(
        ".figure__value a"
    ).click()
    expect(owner.get_by_role("link", name=POLINA).first).to_be_visible()
    shot(owner, "11-owner-list")
    owner.set_viewport_size(PHONE)
    assert fits(owner)
    shot(owner, "11-owner-list")
    owner.goto(desk.url("reports/"))
    assert fits(owner)
    shot(owner, "10-owner")
    owner.set_viewport_size(WIDE)


def test_the_neighbour_sees_nothing_of_it(desk: Desk, anna: Page):
    ours = (POLINA, "Мария Лебедева", POLINA_PHONE, "5550101", "после осветления")
    theirs = desk.member("owner", "inbox/", tenant=NEIGHBOUR)
    theirs.get_by_role("searchbox").fill("Полина Орлова")
    expect(theirs.get_by_text("Ничего не нашлось")).to_be_visible()

    for path in (
        "inbox/",
        "inbox/?view=closed",
        "inbox/tasks/",
        "calendar/",
        "reports/",
        "reports/leads/?figure=incoming",
    ):
        page = theirs.request.get(desk.url(path, NEIGHBOUR))
        assert page.ok, path
        assert not [word for word in ours if word in page.text()], path
    for path in ("leads", "conversations", "appointments"):
        page = theirs.request.get(desk.url(f"api/v1/{path}/", NEIGHBOUR))
        assert page.ok, path
        assert page.json()["results"], path
        assert not [word for word in ours if word in page.text()], path

    for page in ("inbox/", "reports/", "calendar/", "admin/", "api/v1/leads/"):
        assert theirs.request.get(desk.url(page, SALON)).status == 404
        assert anna.request.get(desk.url(page, NEIGHBOUR)).status == 404


def test_a_stranger_is_sent_to_the_login(desk: Desk):
    stranger = desk.stranger()
    for path in ("inbox/", "inbox/1/", "reports/", "calendar/", "admin/"):
        stranger.goto(desk.url(path))
        assert "/accounts/login/?next=" in stranger.url
        expect(stranger.get_by_role("button", name="Войти")).to_be_visible()
    shot(stranger, "12-login")
    for path in ("leads", "conversations", "appointments", "openings"):
        assert stranger.request.get(desk.url(f"api/v1/{path}/")).status in (401, 403)


def test_the_desk_works_on_a_phone(desk: Desk, product: Product):
    nina = TelegramClient(product, 700002, "Нина Волкова")
    nina.writes("Добрый день! Хочу на женскую стрижку завтра после 12")
    page = desk.member("receptionist", "inbox/", phone=True)

    expect(row_of(page, "Нина Волкова")).to_be_visible()
    assert fits(page)
    shot(page, "13-list")
    row_of(page, "Нина Волкова").tap()
    expect(page.locator("#conversation")).to_be_visible()
    expect(page.locator(".pane--list")).to_be_hidden()
    expect(page.locator("#card")).to_be_hidden()
    assert fits(page)
    shot(page, "14-conversation")
    page.locator("#conversation-head").get_by_role("button", name="Взять").tap()
    expect(page.locator("#conversation-head")).to_contain_text("ведёте вы")
    page.locator("[data-composer-text]").tap()
    page.locator("[data-composer-text]").fill("Здравствуйте, Нина! Сейчас запишу вас.")
    send = page.get_by_role("button", name="Отправить")
    assert send.bounding_box()["height"] >= 44
    late = []
    page.route("**/reply/", lambda route: late.append((route, route.fetch())))  # a slow line: its answer comes later
    send.tap()
    while not late:
        page.wait_for_timeout(50)  # the browser's requests are passed on only while it is waited for
    until(lambda: nina.heard()[-1].startswith("Здравствуйте, Нина!"), "the reply in Telegram")

    page.locator("#conversation-head").get_by_role("button", name="Записать").tap()
    expect(page.locator("#openings")).to_be_visible()
    expect(page.locator("#conversation")).to_be_hidden()
    assert fits(page)
    shot(page, "15-openings")
    opening = page.locator("#openings .pick--wished").first
    assert opening.bounding_box()["height"] >= 44
    opening.tap()
    page.get_by_label("Телефон").fill(NINA_PHONE)
    [(route, answer)] = late
    route.fulfill(response=answer)
    expect(page.locator("[data-composer-text]")).to_have_value("")
    expect(page.get_by_label("Телефон")).to_have_value(NINA_PHONE)  # what was being filled in stays
    page.locator("#openings [type=submit]").tap()
    expect(page.locator("#card")).to_contain_text("Записи")
    expect(page.get_by_text("Клиент записан").first).to_be_visible()
    shot(page, "16-booked")
    page.get_by_role("button", name="К разговору").tap()
    expect(page.locator("#conversation")).to_be_visible()
    page.get_by_role("link", name="К списку").tap()
    expect(page.locator(".pane--list")).to_be_visible()
    until(lambda: "Женская стрижка" in nina.heard()[-1], "the confirmation in Telegram")
    for place in ("calendar/", "inbox/tasks/", "inbox/shift/"):
        page.goto(desk.url(place))
        assert fits(page), place
        shot(page, f"17-{place.strip('/').replace('/', '-')}")


def test_the_matrix_refuses_two_who_answer_for_one_stage(desk: Desk, owner: Page):
    owner.goto(desk.url("admin/"))
    shot(owner, "18-admin")
    owner.get_by_role("link", name=re.compile("[Мм]атриц")).first.click()
    grid = owner.locator("table.mx")
    expect(grid).to_be_visible()
    shot(owner, "19-matrix")
    first = grid.locator("tbody tr").first
    was = [select.input_value() for select in first.locator("select").all()]
    assert was.count("A") == 1
    first.locator("select").nth(next(i for i, value in enumerate(was) if value not in ("A", "R"))).select_option("A")
    owner.get_by_role("button", name="Сохранить матрицу").click()
    expect(owner.locator("tr.mx__wrong .lh-error").first).to_be_visible()
    shot(owner, "20-matrix-refused")
    owner.set_viewport_size(PHONE)
    assert fits(owner)
    shot(owner, "20-matrix-refused")
    owner.set_viewport_size(WIDE)

    owner.goto(owner.url)
    kept = [select.input_value() for select in grid.locator("tbody tr").first.locator("select").all()]
    assert kept == was


def test_reminders_come_a_day_two_hours_and_an_hour_before(desk: Desk, product: Product, anna: Page):
    daria = TelegramClient(product, 700003, "Дарина Тагирова")
    rita = TelegramClient(product, 700004, "Римма Закирова")
    _books(daria, "Здравствуйте! Можно на женскую стрижку завтра после 15?", DARIA_PHONE)
    _books(rita, "Добрый день! Хочу детскую стрижку завтра после 13", RITA_PHONE)
    rita.blocks_the_bot()
    starts = {client: _visit_of(anna, desk, client) for client in (daria, rita)}
    heard = {daria: daria.heard, rita: lambda: product.sms(RITA_PHONE)}
    words = ("напоминает о записи", "ждём вас", "до встречи через час")
    plan = sorted(
        (
            (starts[client] - timedelta(hours=hours), client, word)
            for client in starts
            for word, hours in zip(words, (24, 2, 1), strict=True)
        ),
        key=lambda step: step[0],
    )

    for due, client, word in plan:
        assert not [text for text in heard[client]() if word in text], "too early"
        product.move_to(due + timedelta(seconds=5))
        reminder = until(
            lambda client=client, word=word: [text for text in heard[client]() if word in text], f"«{word}»"
        )
        assert f"в {starts[client]:%H:%M}" in plain(reminder[0])
    for client in starts:
        assert [sum(word in text for text in heard[client]()) for word in words] == [1, 1, 1]


def _books(client: TelegramClient, wish: str, phone: str) -> None:
    assert "есть свободное время" in plain(client.writes(wish))
    assert "Держим для вас время" in client.writes("1")
    assert "согласие" in client.writes(f"{client.name}, {phone}")
    assert client.writes("Да, согласна").lower().split(".")[0].count("запис")


def _visit_of(page: Page, desk: Desk, client: TelegramClient) -> datetime:
    """When the client is awaited."""
    answer = page.request.get(desk.url("api/v1/appointments/"))
    [visit] = [row for row in answer.json()["results"] if row["contact"] == client.name]
    return datetime.fromisoformat(visit["starts_at"]).astimezone(UFA)
