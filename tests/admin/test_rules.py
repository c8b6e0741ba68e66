"""The owner writes rules, is told what cannot be read, publishes them, and goes back."""

from __future__ import annotations

import pytest

from routing.models import Queue, RuleSet
from tests.admin.conftest import page

ADD = "admin/routing/ruleset/add/"
LIST = "admin/routing/ruleset/"
PUBLISH, BACK = "routing_ruleset_publish_now", "routing_ruleset_bring_back"
TEXT = 'ПРАВИЛО "Цены": ЕСЛИ намерение = цена ТО назначить = роль_старший'


def change(number):
    return f"{LIST}{RuleSet.objects.get(number=number).pk}/change/"


def test_a_text_that_cannot_be_read_is_told_by_line_and_kept_on_the_page(salon, owner):
    answer = owner.post(salon.url(ADD), {"text": "ЕСЛИ балл >\nТО стоп", "note": ""})
    assert answer.status_code == 200
    assert "строка 2, столбец 1" in page(answer)
    assert "ТО стоп" in page(answer)
    assert not RuleSet.objects.exists()


def test_drafted_published_changed_and_brought_back(salon, owner):
    owner.post(salon.url(ADD), {"text": TEXT, "note": "первая", "_continue": "1"})
    draft = RuleSet.objects.get()
    assert (draft.number, draft.status, draft.note) == (1, "draft", "первая")
    assert draft.changed_by
    owner.post(salon.url(change(1)), {"text": TEXT, "note": "первая", PUBLISH: "1"})
    assert RuleSet.objects.get().status == "published"

    assert "роль_старший" in page(owner.get(salon.url(ADD)))  # one goes on from what is in force
    owner.post(salon.url(ADD), {"text": TEXT.replace("старший", "менеджер"), "note": ""})
    assert owner.get(salon.url(ADD))["Location"].endswith(change(2))  # one draft at a time
    owner.post(salon.url(change(2)), {"text": TEXT.replace("старший", "владелец"), "note": "", PUBLISH: "1"})
    assert list(RuleSet.objects.values_list("number", "status")) == [(2, "published"), (1, "retired")]
    assert "владелец" in RuleSet.objects.get(number=2).text

    shown = page(owner.get(salon.url(change(1))))
    assert "Вернуть эту версию" in shown
    assert "Сохранить и опубликовать" not in shown
    owner.post(salon.url(change(1)), {BACK: "1"})
    assert RuleSet.objects.get(status="published").note == "как в версии 1"


def test_what_is_in_force_is_not_edited(salon, owner):
    owner.post(salon.url(ADD), {"text": TEXT, "note": ""})
    owner.post(salon.url(change(1)), {"text": TEXT, "note": "", PUBLISH: "1"})
    owner.post(salon.url(change(1)), {"text": "ЕСЛИ балл > 1 ТО стоп", "note": "тайком", PUBLISH: "1"})
    assert RuleSet.objects.get().note == ""
    assert "стоп" not in RuleSet.objects.get().text


def test_rules_that_name_nobody_stay_a_draft(salon, owner):
    owner.post(salon.url(ADD), {"text": TEXT.replace("роль_старший", "очередь_барберы"), "note": ""})
    text = RuleSet.objects.get().text
    answer = owner.post(salon.url(change(1)), {"text": text, "note": "", PUBLISH: "1"}, follow=True)
    assert "некому отдать" in page(answer)
    assert RuleSet.objects.get().status == "draft"


def test_a_queue_is_made_of_people(salon, owner):
    people = [salon.anna.pk, salon.boris.pk]
    told = {"name": "Барберы", "key": "barbers", "members": people, "strategy": "least_loaded"}
    owner.post(salon.url("admin/routing/queue/add/"), told)
    assert Queue.objects.get().members == people
    assert "Анна, Борис" in page(owner.get(salon.url("admin/routing/queue/")))


@pytest.mark.parametrize("who", ["anna", "mila"])
def test_who_leads_no_business_writes_no_rules(salon, who):
    assert salon.browser(who).get(salon.url(LIST)).status_code in (302, 403)


def test_the_neighbour_has_none_of_it(salon, neighbour, owner):
    owner.post(salon.url(ADD), {"text": TEXT, "note": ""})
    with neighbour.inside():
        assert not RuleSet.objects.exists()
        assert "Цены" not in page(neighbour.browser("viktor").get(neighbour.url(LIST)))
