"""The try-out console: a talk is played by the real path, shown, and nothing of it is left."""

from __future__ import annotations

import re
import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import connection, connections, transaction

from booking import actions
from contacts.models import Contact
from inbox.tryout import playing, saved
from inbox.tryout.dialogue import Dialogue
from leadhub import rehearsal
from routing import rehearsing
from routing.models import Lead
from tenants.business.models import BusinessSettings, Service
from tests.committed import _TABLES, _copy_out
from tests.inbox.conftest import Screen, words_of

BOOKS_CANCELS_COMPLAINS = [
    "Здравствуйте! Сколько стоит женская стрижка?",
    "Запишите завтра после 15",
    "Давайте на 15:00",
    "Ирина, 8 907 000 77 88",
    "Да, согласна",
    "Хочу отменить запись",
    "Ужасно подстригли, верните деньги!",
]


@pytest.fixture(autouse=True)
def all_the_time(monkeypatch):
    """A machine that has much else to do changes nothing."""
    monkeypatch.setattr(playing, "LONGEST", timedelta(minutes=10))
    monkeypatch.setattr(rehearsing, "TURN_PATIENCE", timedelta(minutes=10))


def talk(clock, *texts: str, **settings) -> Dialogue:
    dialogue = Dialogue.begin(at=clock.now(), **settings)
    for text in texts:
        dialogue = dialogue.with_words(text)
    return dialogue


def replies(played) -> list[str]:
    return [
        "\n\n".join(reply.text for reply in turn.replies).replace("\xa0", " ").replace("\u202f", " ")
        for turn in played.turns
    ]


def everything() -> dict[tuple[str, str], bytes]:
    """Every row of every table of the database."""
    with connection.cursor() as cursor:
        cursor.execute(_TABLES)
        names = cursor.fetchall()
        return {name: _copy_out(cursor, name) for name in names}


def keys_of_valkey() -> set[bytes]:
    """Of this test: another worker's share the server, and have another prefix."""
    import redis
    from django.conf import settings

    return set(redis.from_url(settings.REDIS_URL).keys(f"*{settings.CACHES['default']['KEY_PREFIX']}*"))


# --- What is seen -----------------------------------------------------------------------------------------------------


@pytest.fixture
def viktor(salon) -> Screen:
    """The owner's browser."""
    return Screen(salon, "viktor")


class Console:
    """The page as its form posts it."""

    def __init__(self, screen: Screen) -> None:
        self.screen, self.settings = screen, {"when": "now", "kind": "webchat", "client": "new"}
        self.page = words_of(screen.get("tryout/"))

    def act(self, act: str, **told: str) -> str:
        [state] = set(re.findall(r'name="state" value="([^"]+)"', self.page))
        answer = self.screen.post("tryout/", act=act, state=state, **(self.settings | told))
        assert answer.status_code == 200, answer.status_code
        self.page = words_of(answer)
        return self.page

    def says(self, text: str) -> str:
        return self.act("say", text=text)


def test_the_owner_sees_what_was_understood_scored_routed_and_answered(viktor):
    page = Console(viktor).says("Здравствуйте! Можно записаться на окрашивание завтра после 15:00?")

    assert "Хочет записаться" in page
    assert re.search(r"уверенность \d+ %", page)
    assert "время «завтра после 15:00»" in page  # a reason in the client's words
    assert "Окрашивание" in page
    assert re.search(r'score__total">\d+<', page)
    assert "горячая" in page
    assert "Анна, администратор" in page
    assert "дольше всех ждёт заявку" in page
    assert "не отвечает за этот этап" in page  # why not the others
    assert "Свободное время, как просил клиент" in page  # the text that was said
    assert "Горячая заявка: Окрашивание" in page  # the word to Anna that would leave


def test_the_talk_goes_on_steps_back_and_begins_anew(viktor):
    console = Console(viktor)
    console.says("Сколько стоит маникюр?")
    page = console.says("Сколько стоит окрашивание?")
    assert "3 500 ₽" in page
    assert "Разбор сообщения 2" in page

    assert "Разбор сообщения 1" in console.act("look:1")
    assert "3 500 ₽" not in console.act("back")
    assert "Напишите первое сообщение" in console.act("again")


def test_the_same_words_at_night_in_another_channel_by_a_known_client(viktor):
    console = Console(viktor)
    by_day = console.says("Можно записаться на окрашивание сегодня?")
    at_night = console.act("set", when="night", kind="whatsapp", client="known")

    assert "26 ноября, 03:00" in at_night
    assert "WhatsApp" in at_night
    assert "был у нас: 1" in at_night
    assert "был у нас: 1" not in by_day
    assert "не на смене" in at_night


def test_a_client_who_is_awaited_can_cancel(salon, clock):
    _, played = playing.play(talk(clock, "Отмените, пожалуйста, мою запись", client="booked", kind="telegram"))

    assert "Запись отменена" in replies(played)[0]
    assert [visit.status for visit in played.outcome.visits] == ["cancelled"]


def test_a_form_is_answered_too(salon, clock):
    _, played = playing.play(talk(clock, "Хочу на стрижку завтра", kind="form"))

    assert played.last.who == "Анна, администратор"
    assert any(line.title.startswith("СМС на +7") for line in played.outcome.messages)


def test_spam_goes_to_nobody(salon, clock):
    _, played = playing.play(talk(clock, "Продвижение сайтов в топ, 1000 подписчиков за час: http://spam.example"))

    assert played.last.who == "Никто: сообщение в карантине"
    assert "реклама" in played.last.marks
    assert played.last.replies == ()


def test_a_changed_price_is_said_at_once(salon, clock):
    playing.play(talk(clock, "Сколько стоит маникюр?"))
    Service.objects.filter(name="Маникюр").update(price_kopecks=199_000)  # past the models: nobody was told

    assert "1 990 ₽" in replies(playing.play(talk(clock, "Сколько стоит маникюр?"))[1])[0]


def test_no_more_than_a_fair_length_and_pace(viktor, monkeypatch):
    monkeypatch.setattr("inbox.tryout.views.PER_MINUTE", 2)
    monkeypatch.setattr("inbox.tryout.views.MOST_TURNS", 2)
    console = Console(viktor)
    assert "Сообщение длиннее 1000" in console.says("а" * 1001)
    assert "Напишите, что пишет клиент" in console.says(" ")
    console.says("Привет")
    page = console.says("Сколько стоит маникюр?")
    [state] = set(re.findall(r'name="state" value="([^"]+)"', page))

    answer = viktor.post("tryout/", act="look:1", state=state)
    assert answer.status_code == 409
    assert "Слишком часто" in words_of(answer)


def test_a_talk_that_takes_too_long_is_given_up(viktor, monkeypatch):
    monkeypatch.setattr(playing, "LONGEST", timedelta(microseconds=1))
    console = Console(viktor)
    [state] = set(re.findall(r'name="state" value="([^"]+)"', console.page))

    answer = viktor.post("tryout/", act="say", text="Сколько стоит маникюр?", state=state)

    assert answer.status_code == 409
    assert "Повторите через несколько секунд" in words_of(answer)
    assert 'value="Сколько стоит маникюр?"' in words_of(answer)  # nothing typed is lost


def test_a_page_of_another_day_or_business_begins_anew(viktor, salon, neighbour, clock):
    with neighbour.inside():
        theirs = talk(clock, "Привет из соседнего салона").seal()

    for state in (theirs, "nonsense", ""):
        page = words_of(viktor.post("tryout/", act="say", text="", state=state))
        assert "проба начата заново" in page
        assert "соседнего" not in page


def test_words_of_a_client_are_shown_as_words(viktor):
    page = Console(viktor).says("<script>alert(1)</script> сколько стоит маникюр")

    assert "<script>alert" not in page


# --- Nothing is left --------------------------------------------------------------------------------------------------


def test_nothing_of_a_talk_is_left(committed_salon, clock, monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("something left the rehearsal")

    monkeypatch.setattr("httpx.Client.send", forbidden)
    monkeypatch.setattr("channels_app.live._send", forbidden)
    monkeypatch.setattr("leadhub.work.owing.ring", forbidden)
    playing.play(talk(clock, "Привет"))  # what a process keeps for a while is there now
    before, keys = everything(), keys_of_valkey()

    _, played = playing.play(talk(clock, *BOOKS_CANCELS_COMPLAINS))
    for client in ("known", "booked"):
        playing.play(talk(clock, *BOOKS_CANCELS_COMPLAINS, client=client, kind="instagram"))

    assert [visit.status for visit in played.outcome.visits] == ["cancelled"]
    assert {turn.who for turn in played.turns} >= {"Анна, администратор", "Светлана, старший"}
    assert everything() == before
    assert keys_of_valkey() == keys
    assert not rehearsal.is_on()
    transaction.on_commit(lambda: None)
    from channels_app import live

    assert live._waiting.events == []  # nothing waits to be published by the next real commit


def test_real_work_that_falls_due_meanwhile_is_left_to_its_workers(committed_salon, clock):
    committed_salon.receives("telegram", "Можно на окрашивание сегодня?")  # clocks, deliveries and follow-ups are owed
    committed_salon.post("telegram", "И на маникюр", client=502)
    before = everything()

    _, played = playing.play(
        replace(talk(clock, "Сколько стоит маникюр?", "Спасибо"), at=clock.now() + timedelta(days=2))
    )

    assert len(played.turns) == 2
    assert everything() == before


def test_the_next_real_lead_is_as_if_nobody_had_tried(committed_salon, clock):
    for _ in range(3):
        playing.play(talk(clock, "Можно на стрижку сегодня в 15:00?", "1"))

    lead = committed_salon.receives("telegram", "Можно на стрижку сегодня в 15:00?")

    assert lead.owner == committed_salon.anna  # nobody had a turn before
    assert "15:00" in committed_salon.heard()[-1]


def test_what_breaks_a_talk_leaves_nothing_either(committed_salon, clock, monkeypatch):
    before = everything()
    monkeypatch.setattr("inbox.tryout.playing._outcome", lambda *args: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        playing.play(talk(clock, "Можно на стрижку завтра?"))

    assert everything() == before
    assert Contact.objects.count() == 0  # the connection speaks of this business still
    assert not rehearsal.is_on()


# --- At the same time -------------------------------------------------------------------------------------------------


def in_thread(salon, work) -> threading.Thread:
    def run() -> None:
        with salon.inside():
            try:
                work()
            finally:
                connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_two_people_at_once_do_not_mix(committed_salon, clock):
    before, heard = everything(), {}
    wishes = {
        "hair": ("Сколько стоит женская стрижка?", "Запишите завтра после 15", "1"),
        "nails": ("Сколько стоит маникюр?", "Запишите завтра после 15", "1"),
        "hair too": ("Сколько стоит женская стрижка?", "Запишите завтра после 15", "1"),
    }

    def plays(name: str) -> None:
        for client in ("new", "known", "booked", "new"):
            _, heard[name] = playing.play(talk(clock, *wishes[name], client=client))

    threads = [in_thread(committed_salon, lambda name=name: plays(name)) for name in wishes]
    for thread in threads:
        thread.join()

    for name, service in (("hair", "Женская стрижка"), ("nails", "Маникюр"), ("hair too", "Женская стрижка")):
        said = replies(heard[name])
        assert all(service in text for text in said)
        assert "Держим для вас время" in said[-1]
    assert everything() == before


def test_a_real_booking_does_not_wait_behind_a_talk(committed_salon, clock):
    """A talk that holds a time, and is still being played, keeps neither chairs nor leads locked."""
    salon = committed_salon
    tried, done = threading.Event(), threading.Event()
    real = playing._outcome

    def slow(*args):
        tried.set()
        assert done.wait(20)
        return real(*args)

    def plays() -> None:
        _, played = playing.play(talk(clock, "Можно на стрижку завтра в 15:00?", "Ирина, 8 907 000 77 88"))
        assert played.last

    playing_outcome, playing._outcome = playing._outcome, slow
    try:
        thread = in_thread(salon, plays)
        assert tried.wait(20)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '3s'")
        lead = salon.receives("telegram", "Можно на маникюр сегодня?")
        start = clock.now() + timedelta(days=1, hours=6)
        visit = actions.book_now(
            lead.contact, [salon.service("Окрашивание").pk], salon.olga.pk, salon.branch.pk, start, now=clock.now()
        )
    finally:
        done.set()
        thread.join()
        playing._outcome = playing_outcome

    assert lead.owner == salon.anna
    assert visit.pk


# --- A language model -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_use", ["never", "unsure", "always"])
def test_a_model_is_asked_only_by_the_switch_once_and_its_cost_is_kept(salon, outside, settings, clock, model_use):
    from assistant import refine
    from assistant.models import ModelCall

    refine.forget_all()
    BusinessSettings.objects.update(model_use=model_use, model_below=1)
    settings.OPENAI_API_KEY, settings.OPENAI_BASE_URL = "sandbox", f"{outside.url}/llm/v1"
    text = "хочу чёт такое эдакое сделать с собой в общем посоветуйте как быть"
    playing.play(talk(clock, text))
    assert not ModelCall.objects.exists()

    dialogue, _ = playing.play(talk(clock, text, with_model=True))
    playing.play(dialogue.with_words("Сколько стоит маникюр?"))

    assert dialogue.turns[0].was_asked
    call = ModelCall.objects.get()  # not asked again when the talk is played again
    assert call.message is None
    assert call.asked_at == clock.now()
    assert not Contact.objects.exists()


# --- Who may ----------------------------------------------------------------------------------------------------------


PLACES = ["tryout/", "tryout/saved/", "tryout/saved/{saved}/"]
ACTS = [
    "tryout/",
    "tryout/save/",
    "tryout/saved/run/",
    "tryout/saved/{saved}/run/",
    "tryout/saved/{saved}/accept/",
    "tryout/saved/{saved}/change/",
    "tryout/saved/{saved}/delete/",
]


@pytest.fixture
def kept(salon, clock):
    dialogue = talk(clock, "Сколько стоит маникюр?")
    return saved.save(dialogue, title="Цена маникюра", checks=saved.DEFAULT, by="Виктор", now=clock.now())


@pytest.mark.parametrize("who", ["viktor", "svetlana"])
def test_owner_and_senior_try(salon, kept, who):
    screen = Screen(salon, who)
    for place in PLACES:
        assert screen.get(place.format(saved=kept.pk)).status_code == 200
    assert "Проба" in words_of(Screen(salon, who, htmx=False).get("inbox/"))


def test_the_agency_tries(agent, kept):
    assert agent.get("tryout/saved/").status_code == 200


@pytest.mark.parametrize("who", ["anna", "mila"])
def test_receptionists_and_marketing_do_not(salon, kept, who):
    screen = Screen(salon, who)
    assert {screen.get(place.format(saved=kept.pk)).status_code for place in PLACES} == {403}
    assert {screen.post(act.format(saved=kept.pk)).status_code for act in ACTS} == {403}
    assert "tryout/" not in words_of(Screen(salon, who, htmx=False).get("calendar/"))


def test_the_neighbour_sees_and_changes_nothing(salon, neighbour, kept):
    theirs = neighbour.browser("viktor")
    for place in PLACES:
        assert theirs.get(salon.url(place.format(saved=kept.pk))).status_code == 404
    for act in ACTS:
        assert theirs.post(salon.url(act.format(saved=kept.pk))).status_code == 404
    at_home = Screen(neighbour, "viktor")
    assert "Цена маникюра" not in words_of(at_home.get("tryout/saved/"))
    assert at_home.get(f"tryout/saved/{kept.pk}/").status_code == 404
    assert at_home.post(f"tryout/saved/{kept.pk}/delete/").status_code == 404
    with salon.inside():
        kept.refresh_from_db()


def test_a_stranger_is_sent_to_the_login(salon, client):
    assert client.get(salon.url("tryout/")).status_code == 302


# --- Saved checks -----------------------------------------------------------------------------------------------------


def test_a_talk_is_saved_by_the_page_and_turns_red_when_a_price_changes(salon, viktor):
    console = Console(viktor)
    page = console.says("Сколько стоит маникюр?")
    [state] = set(re.findall(r'name="state" value="([^"]+)"', page))
    told = words_of(viktor.post("tryout/save/", state=state, title="Цена маникюра", check=["meaning", "price"]))
    assert "сохранена" in told
    found = saved.all_saved().get()
    assert (found.faults, found.checks, found.saved_by) == ([], ["meaning", "price"], "Виктор")

    assert "сходится" in words_of(viktor.post(f"tryout/saved/{found.pk}/run/"))
    Service.objects.filter(name="Маникюр").update(price_kopecks=200_000)
    page = words_of(viktor.post(f"tryout/saved/{found.pk}/run/"))
    assert "Сообщение 1, цена: было «1 800 ₽», стало «2 000 ₽»" in page
    assert "смысл: было" not in page

    assert "сходится" in words_of(viktor.post(f"tryout/saved/{found.pk}/accept/"))
    assert "сходится" in words_of(viktor.post(f"tryout/saved/{found.pk}/run/"))


def test_what_is_not_checked_may_change(salon, clock, kept):
    saved.change(kept, title="Только смысл", checks=["meaning"])
    Service.objects.filter(name="Маникюр").update(price_kopecks=200_000)

    assert saved.run(kept, now=clock.now()).faults == []
    assert kept.title == "Только смысл"


def test_who_gets_it_and_what_is_booked_are_held_to(salon, clock):
    dialogue = talk(clock, *BOOKS_CANCELS_COMPLAINS)
    kept = saved.save(dialogue, title="Всё сразу", checks=saved.Check.values, by="Виктор", now=clock.now())
    checks = [check for check in saved.Check.values if check != "time"]
    assert saved.run(saved.change(kept, title="Всё", checks=checks), now=clock.now()).faults == []

    salon.svetlana.delete()
    Service.objects.filter(name="Женская стрижка").update(duration_minutes=60, price_kopecks=160_000)
    faults = saved.run(kept, now=clock.now()).faults

    assert "Сообщение 7, кто получит: было «старший», стало «владелец»" in faults
    assert any("что записано: было «Женская стрижка: записан, 1\u202f500\xa0₽»" in fault for fault in faults)


def test_a_check_is_played_on_a_day_like_its_own(salon, clock):
    at = clock.now()
    dialogue = Dialogue.begin(at=at).with_words("До скольки вы работаете?")
    kept = saved.save(dialogue, title="Часы", checks=saved.DEFAULT, by="Виктор", now=at)

    for later in (timedelta(0), timedelta(days=100)):
        played_at = saved.dialogue_of(kept, now=at + later).at
        assert played_at > at + later
        assert (played_at.weekday(), played_at.timetz().replace(tzinfo=None)) == (2, datetime(2026, 1, 1, 12).time())


def test_a_real_clients_phone_does_not_stay_in_a_check(salon, clock):
    Contact.objects.create(name="Настоящая", phone="+79175550001", created_at=clock.now())

    with pytest.raises(saved.NotSaved, match="телефон настоящего клиента"):
        saved.save(talk(clock, "Я Мария, 8 917 555-00-01"), title="Телефон", checks=[], by="", now=clock.now())
    saved.save(talk(clock, "Я Мария, 8 917 555-00-02"), title="Телефон", checks=[], by="", now=clock.now())


def test_checks_are_listed_renamed_opened_and_deleted(salon, viktor, kept):
    assert "Цена маникюра" in words_of(viktor.get("tryout/saved/"))
    assert "1 800 ₽" in words_of(viktor.get(f"tryout/saved/{kept.pk}/"))
    renamed = viktor.post(f"tryout/saved/{kept.pk}/change/", title="Маникюр: цена", check=["price"])
    assert "Маникюр: цена" in words_of(renamed)
    assert "не может быть пустым" in words_of(viktor.post(f"tryout/saved/{kept.pk}/change/", title=" "))
    Screen(salon, "viktor", htmx=False).post("tryout/saved/run/")
    kept.refresh_from_db()
    assert kept.run_at
    assert viktor.post(f"tryout/saved/{kept.pk}/delete/").status_code == 200
    assert not saved.all_saved().exists()
    assert not Lead.objects.exists()
