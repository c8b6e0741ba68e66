"""Who may see and do what; the neighbour sees nothing."""

import pytest

from routing.models import Lead
from tests.inbox.conftest import Screen, words_of

READ = ["inbox/{lead}/", "inbox/{lead}/row/", "inbox/{lead}/card/", "inbox/{lead}/openings/"]
PLACES = [
    "",
    "inbox/",
    "inbox/counters/",
    "inbox/tasks/",
    "inbox/quarantine/",
    "inbox/shift/",
    "inbox/poll/",
    "calendar/",
]
ACTS = [
    "inbox/{lead}/take/",
    "inbox/{lead}/hand-back/",
    "inbox/{lead}/reply/",
    "inbox/{lead}/note/",
    "inbox/{lead}/typing/",
    "inbox/{lead}/retry/1/",
    "inbox/{lead}/call-task/",
    "inbox/{lead}/done/",
    "inbox/{lead}/correct/",
    "inbox/{lead}/release/",
    "inbox/{lead}/book/",
    "inbox/quarantine/many/",
    "inbox/tasks/{task}/done/",
    "inbox/shift/",
    "calendar/{visit}/arrived/",
    "calendar/{visit}/no-show/",
    "calendar/{visit}/confirm/",
    "calendar/{visit}/cancel/",
    "calendar/{visit}/move/",
]
FORM = {
    "text": "привет", "client_key": "abcdefgh1", "seen": "99", "outcome": "refused", "intent": "other",
    "in_minutes": "5", "opening": "6-1-3629400", "service": "1", "lead": "1", "act": "erase",
}  # fmt: skip


@pytest.fixture
def world(salon, hot_lead, clock):
    """A lead, a task and a visit of «Весна», by their numbers."""
    from datetime import timedelta

    from booking import actions

    task = hot_lead.tasks.create(
        kind="call", title="Перезвонить Ирине", key="t", due_at=clock.now(), created_at=clock.now()
    )
    at = clock.now() + timedelta(hours=2)
    visit = actions.book_now(
        hot_lead.contact, [salon.service("Окрашивание").pk], salon.olga.pk, salon.branch.pk, at, now=clock.now()
    )
    return {"lead": hot_lead.pk, "task": task.pk, "visit": visit.pk}


def state(salon):
    from booking.models import Appointment
    from contacts.models import Message
    from routing.models import Task
    from tenants.business.models import StaffMember

    return [
        list(rows.order_by("pk").values())
        for rows in (
            Lead.objects.all(),
            Message.objects.all(),
            Task.objects.all(),
            Appointment.objects.all(),
            StaffMember.objects.all(),
        )
    ]


@pytest.mark.parametrize("path", READ + PLACES)
def test_the_neighbour_reads_nothing(salon, neighbour, world, path):
    answer = neighbour.browser("anna").get(salon.url(path.format(**world)))

    assert answer.status_code == 404
    assert "Ирина" not in words_of(answer)


@pytest.mark.parametrize("path", ACTS)
def test_the_neighbour_changes_nothing(salon, neighbour, world, path):
    before = state(salon)

    assert neighbour.browser("anna").post(salon.url(path.format(**world)), FORM).status_code == 404

    with salon.inside():
        assert state(salon) == before


@pytest.mark.parametrize("path", READ + ACTS)
def test_numbers_of_this_business_open_nothing_in_the_neighbours(salon, neighbour, world, path):
    if path == "inbox/shift/":
        return
    screen = Screen(neighbour, "anna")
    with neighbour.inside():
        assert not Lead.objects.exists()
    ask = screen.get if path in READ else screen.post
    kwargs = {} if path in READ else FORM

    answer = ask(path.format(**world), **kwargs)

    assert answer.status_code == 404
    assert "Ирина" not in words_of(answer)


@pytest.mark.parametrize("path", READ + [place for place in PLACES if place])
def test_a_stranger_is_sent_to_the_login(salon, world, path, client):
    answer = client.get(salon.url(path.format(**world)))

    assert answer.status_code == 302
    assert "/accounts/login/" in answer["Location"]


@pytest.mark.parametrize("path", READ + [place for place in PLACES if place])
def test_marketing_has_no_inbox(salon, world, path):
    assert Screen(salon, "mila").get(path.format(**world)).status_code == 403


@pytest.mark.parametrize("path", ACTS)
def test_marketing_changes_nothing(salon, world, path):
    before = state(salon)

    assert Screen(salon, "mila").post(path.format(**world), **FORM).status_code == 403
    assert state(salon) == before


@pytest.mark.parametrize("path", [path for path in ACTS if path not in ("inbox/shift/", "calendar/{visit}/move/")])
def test_what_changes_is_posted(salon, anna, world, path):
    assert anna.get(path.format(**world)).status_code == 405


def test_a_post_without_the_pages_token_is_refused(salon, hot_lead):
    from django.test import Client

    browser = Client(enforce_csrf_checks=True)
    browser.cookies = salon.browser("anna").cookies

    assert browser.post(salon.url(f"inbox/{hot_lead.pk}/take/")).status_code == 403
    assert salon.lead().taken_at is None


def test_a_specialist_sees_and_touches_only_her_own(salon, olga, world, hot_lead):
    assert f'id="lead-{hot_lead.pk}"' not in words_of(olga.get("inbox/"))
    for path in READ:
        assert olga.get(path.format(**world)).status_code == 404
    for path in ("take", "reply", "note", "done", "book"):
        assert olga.post(f"inbox/{hot_lead.pk}/{path}/", **FORM).status_code == 404
    assert olga.post(f"inbox/tasks/{world['task']}/done/").status_code == 404
    assert olga.get("inbox/quarantine/").status_code == 403
    assert "Перезвонить Ирине" not in words_of(olga.get("inbox/tasks/"))

    Lead.objects.filter(pk=hot_lead.pk).update(owner=salon.olga)

    assert f'id="lead-{hot_lead.pk}"' in words_of(olga.get("inbox/"))
    assert olga.get(f"inbox/{hot_lead.pk}/", target="panes").status_code == 200
    assert "Перезвонить Ирине" in words_of(olga.get("inbox/tasks/"))


def test_the_root_leads_each_role_to_its_place(salon, anna, olga):
    assert anna.get("")["Location"] == salon.url("inbox/")
    assert olga.get("")["Location"] == salon.url("inbox/")
    assert Screen(salon, "viktor").get("")["Location"] == salon.url("inbox/")


def test_buttons_are_shown_only_to_those_who_may(salon, anna, boris, hot_lead):
    anna.post(f"inbox/{hot_lead.pk}/take/")

    of_boris = words_of(boris.get(f"inbox/{hot_lead.pk}/", target="panes"))

    assert f"inbox/{hot_lead.pk}/take/" not in of_boris
    assert "Заявку ведёт <b>Анна</b>" in of_boris
