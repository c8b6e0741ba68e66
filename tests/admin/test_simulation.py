"""The pages where a draft is tried on past leads, and where one asks whom a lead would go to now."""

from __future__ import annotations

import pytest

from routing import rulesets, simulation_job
from routing.models import Lead, ScorePolicy
from tests.admin.conftest import page

HOT = "Здравствуйте! Хочу записаться на окрашивание завтра после 15"
PRICE = "Сколько стоит маникюр?"


@pytest.fixture
def draft(salon, clock, outside):
    for client, text in enumerate((HOT, PRICE), start=801):
        salon.receives("telegram", text, client=client)
    return rulesets.save_draft(
        'ПРАВИЛО "Цены": ЕСЛИ намерение = цена ТО назначить = роль_старший\n'
        'ПРАВИЛО "Никогда": ЕСЛИ промокод = ТАКОГО_НЕТ ТО стоп',
        by="Виктор",
        now=clock.now(),
    )


def path(rule_set, what="simulate"):
    return f"admin/routing/ruleset/{rule_set.pk}/{what}/"


def test_asked_for_waited_for_and_shown(salon, owner, draft, clock):
    url = salon.url(path(draft))
    assert "ещё не проверяли" in page(owner.get(url))
    assert salon.url(path(draft)) in page(owner.get(salon.url(path(draft, "change")), follow=True))
    assert owner.post(url, {"limit": "100"})["Location"] == url
    waiting = page(owner.get(url))
    assert "Ждёт очереди" in waiting
    assert f'hx-get="{url}"' in waiting
    clock.settle()

    shown = page(owner.get(url, headers={"HX-Request": "true"}))
    assert shown.lstrip().startswith('<div id="simulation">')  # done: it asks no more
    assert "Иначе пойдут 1 из 2 заявок" in shown
    assert "ни разу не сработало" in shown
    price = salon.lead(802)
    assert salon.url(f"inbox/{price.pk}/") in shown
    assert "Правило «Цены»" in shown
    assert "Светлана" in shown
    assert Lead.objects.get(pk=price.pk).owner is None

    rulesets.save_draft("", by="Виктор", now=clock.now())
    assert "С тех пор правила изменены" in page(owner.get(url))


def test_other_thresholds_are_tried_beside_the_rules(salon, owner, draft, clock):
    url = salon.url(path(draft))
    refused = owner.post(url, {"limit": "100", "hot_from": "30"})
    assert refused.status_code == 422
    assert "ниже порога горячей" in refused.content.decode()
    assert simulation_job.state(draft) is None

    assert owner.post(url, {"limit": "100", "hot_from": "100", "promo": "5"})["Location"] == url
    clock.settle()

    shown = page(owner.get(url))
    assert "С другими баллами: горячая от 70 → 100." in shown
    assert 'name="hot_from" value="100"' in shown  # what was tried is tried again
    assert "горячая → тёплая: балл" in shown
    hot = salon.lead(801)
    assert (hot.temperature, ScorePolicy.load().hot_from) == ("hot", 70)
    counts = {one["title"]: (one["before"], one["after"]) for one in simulation_job.state(draft)["result"]["counts"]}
    assert (counts["Горячих"], counts["Тёплых"]) == ((1, 0), (1, 2))
    assert counts["Получит человек"] == (1, 1)  # the hot one to a person now, then the one that the rule names


def test_a_simulation_against_rules_that_are_in_force_no_more_is_old(salon, owner, draft, clock):
    url = salon.url(path(draft))
    owner.post(url, {"limit": "100"})
    clock.settle()
    assert "С тех пор правила изменены" not in page(owner.get(url))
    rulesets.publish(by="Виктор", now=clock.now())
    assert "С тех пор правила изменены" in page(owner.get(url))


def test_an_unknown_number_or_version_is_refused(salon, owner, draft):
    assert owner.post(salon.url(path(draft)), {"limit": "1000000"}).status_code == 404
    assert owner.get(salon.url("admin/routing/ruleset/999999/simulate/")).status_code == 404
    assert simulation_job.state(draft) is None


def test_whom_a_lead_would_go_to_by_both_versions(salon, owner, draft):
    url = salon.url("admin/routing/ruleset/who/")
    assert "Показать" in page(owner.get(url))
    shown = page(owner.get(url, {"lead": salon.lead(802).pk}))
    assert "<h2>Никому, ведёт ассистент</h2>" in shown
    assert "<h2>Светлана</h2>" in shown
    assert "чего хочет клиент — вопрос о цене: да" in shown
    for wrong in ("999999", "x", "-1", "9" * 30):
        assert owner.get(url, {"lead": wrong}).status_code == 404


@pytest.mark.parametrize("who", ["anna", "mila"])
def test_who_leads_no_business_simulates_nothing(salon, draft, who):
    browser = salon.browser(who)
    assert browser.get(salon.url(path(draft))).status_code == 403
    assert browser.post(salon.url(path(draft)), {"limit": "100"}).status_code == 403
    assert browser.get(salon.url("admin/routing/ruleset/who/")).status_code == 403
    assert simulation_job.state(draft) is None


def test_the_neighbour_sees_nothing_of_it(salon, neighbour, owner, draft, clock):
    owner.post(salon.url(path(draft)), {"limit": "100"})
    clock.settle()
    stranger = neighbour.browser("viktor")
    assert stranger.get(salon.url(path(draft))).status_code in (403, 404)
    with neighbour.inside():
        assert stranger.get(neighbour.url(path(draft))).status_code == 404
        assert stranger.get(neighbour.url("admin/routing/ruleset/who/"), {"lead": salon_lead(salon)}).status_code == 404
        theirs = rulesets.save_draft("", by="x", now=clock.now())
        assert "ещё не проверяли" in page(stranger.get(neighbour.url(path(theirs))))


def salon_lead(salon) -> int:
    with salon.inside():
        return salon.lead(802).pk
