"""The owner edits the terms of reaction: the usual ones, and exceptions that say only what differs."""

from __future__ import annotations

from routing.models import SlaPolicy
from tests.admin.conftest import filled, page

LIST = "admin/routing/slapolicy/"


def test_the_usual_terms_are_there_filled_in_and_cannot_be_deleted(salon, owner, save):
    html = page(owner.get(salon.url(LIST)))
    assert "Основные сроки" in html
    assert "15 / 60" in html
    usual = salon.url(f"{LIST}1/change/")
    assert "Для каких заявок" not in page(owner.get(usual))
    save(usual, hot_take_seconds="90", take_action="senior")
    policy = SlaPolicy.objects.get(pk=1)
    assert (policy.hot_take_seconds, policy.person_answer_seconds, policy.take_action) == (90, 180, "senior")
    assert owner.post(salon.url(f"{LIST}1/delete/"), {"post": "yes"}).status_code == 403


def test_an_exception_says_for_whom_and_only_what_differs(salon, neighbour, owner):
    owner.get(salon.url(LIST))
    add = salon.url(f"{LIST}add/")
    opened = owner.get(add)
    assert "как обычно: 60" in page(opened)
    empty = owner.post(add, filled(opened, name="Пусто"))
    assert "хотя бы одно условие" in page(empty)
    assert "хотя бы один срок" in page(empty)
    told = filled(opened, name="Горячие из VK", temperature="hot", channel="vk", hot_take_seconds="45")
    assert owner.post(add, told).status_code == 302
    policy = SlaPolicy.objects.get(name="Горячие из VK")
    assert (policy.hot_take_seconds, policy.silence_minutes, policy.take_action) == (45, None, "")
    assert "горячая, ВКонтакте" in page(owner.get(salon.url(LIST)))
    with neighbour.inside():
        assert not SlaPolicy.objects.filter(name="Горячие из VK").exists()


def test_a_service_or_its_section_and_no_empty_term(salon, owner):
    add = salon.url(f"{LIST}add/")
    told = {"service": str(salon.service("Маникюр").pk), "category": "Волосы", "hot_take_seconds": "0"}
    html = page(owner.post(add, filled(owner.get(add), **told)))
    assert "Выберите или услугу, или раздел" in html
    assert "Не меньше одной секунды" in html


def test_a_receptionist_and_a_neighbour_edit_no_terms(salon, neighbour):
    assert salon.browser("anna").get(salon.url(LIST)).status_code == 403
    with neighbour.inside():
        stranger = neighbour.browser("viktor")
    answer = stranger.get(salon.url(f"{LIST}1/change/"))
    assert answer.status_code in (302, 403, 404)
    assert "Основные сроки" not in answer.content.decode()
