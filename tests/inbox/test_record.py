"""The decision record as a receptionist reads it: every kind of line in words, nothing of the code on the screen."""

import ast
import re
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from booking import actions as booking
from booking.models import Appointment
from channels_app import notices
from routing import assignment, cards, record, rulesets, timeline
from routing.models import Decision, Lead, Queue
from tests.inbox.conftest import Screen, words_of

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("routing", "reminders", "crm", "inbox", "agency", "reports")
RULES = """
ПРАВИЛО "Окрашивание мастерам":
ЕСЛИ услуга = "окрашивание" И температура = hot
ТО назначить = queue_barbers И приоритет = high И ответить = price_answer И сообщить = role_senior
"""


def kinds_in_code():
    """Kinds that `record.add()` is called with anywhere, and those of the demo's own writer."""
    found = set()
    for path in [path for room in ROOMS for path in (ROOT / room).rglob("*.py")]:
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
                continue
            place = {("record", "add"): 1, ("thread", "decide"): 0, ("self", "decide"): 0}.get(
                (getattr(call.func.value, "id", getattr(call.func.value, "attr", "")), call.func.attr)
            )
            if place is not None and isinstance(call.args[place], ast.Constant):
                found.add(call.args[place].value)
    return found


def icons():
    sprite = (ROOT / "static/vendor/tabler/icons.svg").read_text()
    return set(re.findall(r'id="([a-z0-9-]+)"', sprite))


def test_every_kind_that_the_code_writes_is_known_to_the_screen():
    assert kinds_in_code() - set(timeline.KINDS) == set()
    assert len(kinds_in_code()) > 20  # the search above does find them
    assert {kind.icon for kind in timeline.KINDS.values()} | {timeline.OTHER.icon} <= icons()


def told(view):
    """Every text of a record that a reader sees."""
    for day in view.days:
        yield day.title
        for moment in day.moments:
            for line in moment.lines:
                yield line.title
                for detail in line.details:
                    yield from (detail.name, detail.value)
                for part in line.score.parts if line.score else ():
                    yield from (part.title, part.reason)


def lines_of(view):
    return [line for day in view.days for moment in day.moments for line in moment.lines]


@pytest.fixture
def eventful(salon, clock):
    """A lead to which everything happened: a rule, a late person, a taking, a visit, a no-show."""
    Queue.objects.create(key="barbers", name="Мастера по волосам", members=[salon.anna.pk, salon.boris.pk])
    rulesets.save_draft(RULES, note="", by="Виктор", now=clock.now())
    rulesets.publish(by="Виктор", now=clock.now())
    lead = salon.receives("telegram", "Можно завтра на окрашивание к Ольге после 15?")
    clock.tick(seconds=61)
    lead = salon.lead()
    notices.mark_seen(lead.owner, now=clock.now())
    assignment.take(lead, by=lead.owner, now=clock.now() + timedelta(seconds=20))
    assignment.hand_back(salon.lead(), by=salon.lead().owner, now=clock.now())
    start = clock.now().replace(minute=0, second=0) + timedelta(hours=26)
    row = booking.book_now(
        lead.contact,
        [salon.service("Окрашивание").pk],
        salon.olga.pk,
        salon.branch.pk,
        start,
        conversation=lead.conversation,
        lead_id=lead.pk,
        now=clock.now(),
    )
    clock.settle()
    clock.tick(hours=30)
    booking.mark_no_show(Appointment.objects.get(pk=row.pk), now=clock.now())
    clock.tick(minutes=5)
    return Lead.objects.get(pk=lead.pk)


def test_an_eventful_record_is_read_in_words_times_and_reasons(
    salon, anna, eventful, clock, django_assert_max_num_queries
):
    """One story, dear to play, asked many things."""
    with django_assert_max_num_queries(6):
        view = timeline.record_view(Lead.objects.select_related("branch").get(pk=eventful.pk), now=clock.now())
    nothing_leaks(view, set(eventful.decisions.values_list("kind", flat=True)))
    rules_and_candidates_are_told(lines_of(view))
    notices_stand_with_who_saw_them(lines_of(view))
    moments_are_local_and_in_order(view)
    cut = timeline.record_view(eventful, now=clock.now(), limit=3)
    assert cut.is_cut
    assert len([line for line in lines_of(cut) if line.key.startswith("decision-")]) == 3
    assert "Запись решений" in words_of(anna.get(f"inbox/{eventful.pk}/card/"))
    page = words_of(anna.get(f"inbox/{eventful.pk}/record/"))
    assert "Показать всё" in page
    assert "Спросили совета: Ольга" in page
    assert "Время филиала: Уфа" in page


def nothing_leaks(view, kinds):
    assert {"understood", "scored", "rule", "assigned", "breach", "taken", "closed", "stage", "no_show"} <= kinds
    text = " | ".join(told(view))
    assert re.findall(r"\b[a-z]+(?:_[a-z0-9]+)+\b", text) == []
    assert set(re.findall(r"[A-Za-z]{2,}", text)) <= {"Telegram", "Bitrix"}
    assert "очередь «Мастера по волосам»" in text
    assert "роль: старший" in text


def rules_and_candidates_are_told(lines):
    rule = next(line for line in lines if "Правило" in line.title)
    assert rule.title == "Правило «Окрашивание мастерам»"
    assert [(detail.name, detail.mark) for detail in rule.details[:3]] == [
        ("Версия правил", ""),
        ("услуга — окрашивание", "yes"),
        ("температура — горячая", "yes"),
    ]
    given = next(line for line in lines if "Назначено" in line.title)
    marks = {detail.name: detail.mark for detail in given.details}
    assert sorted(mark for name, mark in marks.items() if name in ("Анна", "Борис")) == ["no", "yes"]


def notices_stand_with_who_saw_them(lines):
    hot = [line for line in lines if line.title.startswith("Уведомление «Горячая заявка»")]
    assert len(hot) == 2
    assert not any(line.is_main for line in hot)
    assert {detail.value for line in hot for detail in line.details[1:]} == {
        "Почта: принято 12:00:00; Заявка передана: Борис",
        "Почта: принято 12:01:00; увидено через 1 с",
    }
    taken = next(line for line in lines if "ведёт заявку" in line.title)
    assert taken.details[-1].value == "через 21 с после назначения"


def moments_are_local_and_in_order(view):
    moments = [moment for day in view.days for moment in day.moments]
    assert moments[0].time_title == "12:00:00"
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    assert [day.title for day in view.days] == ["вчера", "сегодня"]
    assert view.zone_title.startswith("Уфа")


def decision(number, kind, title, at, facts=None):
    details = [{"name": "До", "value": "12:01", **({"facts": facts} if facts else {})}]
    return Decision(pk=number, kind=kind, title=title, details=details, created_at=at)


def test_clocks_say_whether_they_were_kept(salon, clock):
    now = clock.now()
    story = [
        decision(1, "clock", "Довести до записи: 15 мин", now),
        decision(2, "clock", "Взять: 60 с", now),
        decision(3, "breach", "Анна: не взята за 60 с", now + timedelta(seconds=60), {"clock": "take"}),
        decision(4, "clock", "Взять: 60 с", now + timedelta(seconds=60)),
        decision(5, "taken", "Борис ведёт заявку", now + timedelta(seconds=72)),
        decision(6, "clock", "Ответить клиенту: 3 мин", now + timedelta(seconds=72)),
        decision(7, "replied", "Борис: ответ клиенту", now + timedelta(seconds=172)),
    ]
    days = timeline.days_of(story, [], ZoneInfo("Asia/Yekaterinburg"), now=now)
    ends = [
        line.details[-1].value
        for day in days
        for moment in day.moments
        for line in moment.lines
        if line.icon == "clock" and line.details[-1].name == "Итог"
    ]
    assert ends == ["срок нарушен", "в срок, за 12 с", "в срок, за 1 мин"]  # the first one still runs


def test_the_card_names_the_rule_that_chose(clock):
    rule = decision(1, "rule", "Правило «Окрашивание мастерам»", clock.now())
    rule.details = [{"name": "Версия правил", "value": "7"}]
    given = decision(2, "assigned", "Назначено: Анна", clock.now())
    given.details = [{"name": "Почему", "value": rule.title}, {"name": "→ Анна", "value": "дольше всех ждёт заявку"}]
    shown = cards.decision_view([given, rule])
    assert (shown.rule_title, shown.rule_version) == ("Окрашивание мастерам", 7)
    given.details[0]["value"] = "Горячая заявка"
    assert cards.decision_view([given, rule]).rule_version is None


# --- Pages -----------------------------------------------------------------------------------------------------------


def test_a_line_of_an_unknown_kind_is_shown_too(salon, anna, hot_lead, clock):
    record.add(hot_lead, "brand_new", "Что-то новое", now=clock.now())
    assert "Что-то новое" in words_of(anna.get(f"inbox/{hot_lead.pk}/record/"))


def test_the_record_is_for_those_who_may_see_the_lead(salon, neighbour, hot_lead, olga):
    path = f"inbox/{hot_lead.pk}/record/"
    assert Screen(neighbour, "anna").get(path).status_code == 404
    assert salon.browser("anna").get(neighbour.url(path)).status_code == 404
    assert olga.get(path).status_code == 404  # a specialist sees own leads alone
    assert Screen(salon, "mila").get(path).status_code == 403
