"""The owner builds rules from rows or writes them, publishes, goes back; nobody loses what they typed."""

from __future__ import annotations

import re

import pytest

from routing import rulesets
from routing.models import Queue, RuleSet
from tenants.models import Membership
from tests.admin.conftest import page

LIST = "admin/routing/ruleset/"
TEXT = 'ПРАВИЛО "Цены":\nЕСЛИ намерение = "цена"\nТО назначить = role_senior\n'
DEEP = "IF (score > 1 OR (score > 2 AND (score > 3 OR (score > 4 AND NOT score > 5)))) AND time = night\nTHEN stop\n"


class Form:
    """The page's form as a browser holds it: every control by name, in order."""

    def __init__(self, salon, browser):
        self._salon, self._browser = salon, browser
        self.pairs: list[tuple[str, str]] = []
        self.html = ""
        self.open()

    def open(self):
        self.html = page(self._browser.get(self._salon.url(LIST)))
        self.pairs = controls(self.html)
        return self

    def get(self, name):
        return next(value for key, value in self.pairs if key == name)

    def set(self, **told):
        for name, value in told.items():
            self.pairs = [(key, value if key == name else old) for key, old in self.pairs]
        return self

    def put(self, name, value):
        self.pairs = [(key, old) for key, old in self.pairs if key != name] + [(name, value)]
        return self

    def uid(self, number=0):
        return [value for key, value in self.pairs if key == "card"][number]

    def post(self, path, **more):
        data: dict[str, list[str]] = {}
        for key, value in [*self.pairs, *more.items()]:
            data.setdefault(key, []).append(value)
        return self._browser.post(self._salon.url(LIST + path), data)

    def card(self, what, number=0, at=""):
        """Press a button of a card; its part of the form is as the answer shows it."""
        uid = "" if what == "new" else self.uid(number)
        answer = page(self.post("card/", what=what, uid=uid, at=at))
        fresh = controls(answer)
        cards = [pair for pair in fresh if pair[0] == "card" or re.match(r"r[0-9a-f]+\.", pair[0])]
        place = next((i for i, pair in enumerate(self.pairs) if pair == ("card", uid)), len(self.pairs))
        before, after = self.pairs[:place], self.pairs[place:]
        rest = [pair for pair in after if pair != ("card", uid) and not pair[0].startswith(f"{uid}.")]
        self.pairs = [*before, *cards, *rest]
        return self._agree(fresh, answer)

    def agree(self, **more):
        answer = page(self.post("agree/", **more))
        return self._agree(controls(answer), answer)

    def _agree(self, fresh, answer):
        self.html = answer
        for name, value in fresh:
            if name in ("text", "shown"):
                self.set(**{name: value})
        return self

    def save(self, do="save", **told):
        return self.set(**told).post("save/", do=do)


def controls(html):
    """(name, value) of every control that would be posted."""
    found = []
    pattern = r"<input\b([^>]*)>|<select\b([^>]*)>(.*?)</select>|<textarea\b([^>]*)>\n?(.*?)</textarea>"
    for match in re.finditer(pattern, html, re.DOTALL):
        attributes = dict(re.findall(r'([\w.-]+)="([^"]*)"', match[1] or match[2] or match[4] or ""))
        name = attributes.get("name")
        if not name:
            continue
        if match[1] is not None:
            is_box = attributes.get("type") in ("checkbox", "radio")
            if not is_box or re.search(r"\bchecked\b", match[1]):
                found.append((name, unescaped(attributes.get("value", "on" if is_box else ""))))
        elif match[2] is not None:
            chosen = re.search(r'<option value="([^"]*)" selected', match[3]) or re.search(r'value="([^"]*)"', match[3])
            found.append((name, unescaped(chosen[1]) if chosen else ""))
        else:
            found.append((name, unescaped(match[5])))
    return found


def unescaped(text):
    from html import unescape

    return unescape(text)


@pytest.fixture
def form(salon, owner):
    return Form(salon, owner)


def draft_text():
    return RuleSet.objects.get(status="draft").text


def test_a_rule_is_built_of_rows_shown_as_text_and_saved(salon, form):
    form.card("new")
    uid = form.uid()
    form.put(f"{uid}.name", "Из рекламы").put(f"{uid}.b0.c.0.f", "utm").card("refresh")
    form.put(f"{uid}.b0.c.0.v0", "реклама").card("add_test", at="b0.c")
    form.put(f"{uid}.b0.c.1.f", "response_time").card("refresh")
    form.put(f"{uid}.b0.c.1.v0", "90").put(f"{uid}.b0.c.1.v0.u", "s")
    form.put(f"{uid}.b0.a0.n", "assign_to").card("refresh")
    assert "Анна" in form.html
    form.put(f"{uid}.b0.a0.v", "Анна").card("add_action", at="e")
    form.put(f"{uid}.e.a0.n", "create_task").card("refresh")
    form.put(f"{uid}.e.a0.v", "Перезвонить").agree()
    assert form.get("text") == (
        'ПРАВИЛО "Из рекламы":\nЕСЛИ utm_вид = "реклама" И время_ответа > 90с\nТО назначить = "Анна"\n'
        'ИНАЧЕ задача = "Перезвонить"\n'
    )
    assert form.save(note="первая").status_code == 302
    draft = RuleSet.objects.get()
    assert (draft.status, draft.note, draft.text) == ("draft", "первая", form.get("text"))
    assert draft.changed_by == "Виктор"
    assert "Если" in form.open().html


def test_text_becomes_rows_and_both_languages_say_the_same(form):
    form.set(text=TEXT).agree()
    assert "rules-status__good" in form.html
    assert "чего хочет клиент — вопрос о цене" in form.html
    assert "все: старший" in form.html
    form.pairs = [pair for pair in form.pairs if pair[0] != "lang"] + controls(form.html)
    form.put("lang", "en").agree()
    assert form.get("text") == 'RULE "Цены":\nIF intent = price_question\nTHEN assign_to = role_senior\n'
    form.put("lang", "ru").agree()
    assert form.get("text") == TEXT


def test_what_cannot_be_read_is_told_by_place_and_kept(form):
    form.set(text="ЕСЛИ балл >\nТО стоп").agree()
    assert "строка 2, столбец 1" in form.html
    assert 'data-line="2" data-column="1"' in form.html
    assert 'id="rules-cards"' not in form.html  # the rows wait as they are
    answer = form.save()
    assert answer.status_code == 422
    assert "ЕСЛИ балл &gt;\nТО стоп" in answer.content.decode()
    assert not RuleSet.objects.exists()
    assert form.agree(what="rows").get("text") == ""


def test_rows_that_are_not_finished_are_told_and_kept(form):
    form.card("new")
    form.put(f"{form.uid()}.name", "Начатое").put(f"{form.uid()}.b0.c.0.f", "score").card("refresh")
    form.put(f"{form.uid()}.b0.c.0.v0", "много")
    answer = form.save()
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "впишите число" in html
    assert 'value="много"' in html
    assert "Начатое" in html
    assert not RuleSet.objects.exists()


def test_cards_are_copied_moved_switched_off_taken_away_and_back(form):
    form.set(text=TEXT + 'ПРАВИЛО "Вторая":\nЕСЛИ балл > 1\nТО стоп\n').agree()
    form.pairs += [pair for pair in controls(form.html) if pair[0] == "card" or ".text" in pair[0] or ".mode" in pair[0]
                   or ".on" in pair[0]]  # fmt: skip
    form.card("duplicate")
    assert form.get("text").count('"Цены (копия)"') == 1
    form.card("drop", 0)
    assert 'ПРАВИЛО "Цены":' not in form.get("text")
    form.card("restore", 0)
    assert 'ПРАВИЛО "Цены":' in form.get("text")
    form.pairs = [pair for pair in form.pairs if pair[0] != f"{form.uid(0)}.on"]
    form.agree()
    assert form.get("text").startswith('ПРАВИЛО "Цены" ВЫКЛЮЧЕНО:')
    first = [pair for pair in form.pairs if pair[1] == form.uid(0) or pair[0].startswith(f"{form.uid(0)}.")]
    form.pairs = [pair for pair in form.pairs if pair not in first] + first  # moved to the end
    form.agree()
    assert form.get("text").rstrip().splitlines()[-3] == 'ПРАВИЛО "Цены" ВЫКЛЮЧЕНО:'


def test_what_rows_cannot_show_stays_text_among_them(salon, owner, clock):
    rulesets.save_draft(DEEP, by="Виктор", now=clock.now())
    text = draft_text()
    form = Form(salon, owner).card("open")
    assert "Условие текстом" in form.html
    form.agree()
    assert form.get("text") == text
    form.save()
    assert draft_text() == text


def test_a_card_shows_every_control_that_it_reads_back(salon, owner, clock):
    """Whatever is opened and shut again is the same rule."""
    text = (
        'ПРАВИЛО "Всё" ПРИ new_lead, timer_due:\nЕСЛИ source ИЗ (Instagram, "вк") И (НЕ price_sensitive = да ИЛИ НЕ'
        ' (branch СОДЕРЖИТ "Ленин" И promo НЕ ЗАДАН)) И время_ответа > 2мин И customer_status = "новый"\n'
        'ТО назначить = queue_x_round_robin И порядок = "по весам" И ответить = greeting И метка = "а \\"б\\" & <в>"\n'
        "ИНАЧЕ ЕСЛИ балл >= 70\nТО стоп\nИНАЧЕ сообщить = backup\n"
    )
    rulesets.save_draft(text, by="Виктор", now=clock.now())
    before = draft_text()
    form = Form(salon, owner).card("open")
    assert "queue_x_round_robin (нет такого)" in form.html
    form.card("shut").agree()
    assert form.get("text") == before


def test_published_changed_and_brought_back(salon, owner, form):
    assert form.set(text=TEXT).save("publish", note="первая").status_code == 302
    assert RuleSet.objects.get().status == "published"
    form.open()
    assert "версия 1" in form.html
    form.set(text=TEXT.replace("senior", "owner")).save("publish", note="владельцу")
    assert list(RuleSet.objects.values_list("number", "status")) == [(2, "published"), (1, "retired")]

    shown = page(owner.get(salon.url(LIST + "versions/")))
    assert "владельцу" in shown
    now, before = (RuleSet.objects.get(number=number).pk for number in (2, 1))
    assert owner.get(salon.url(f"{LIST}{now}/change/"))["Location"] == salon.url(LIST)
    assert owner.get(salon.url(f"{LIST}{before}/change/"))["Location"].endswith("versions/#version-1")
    assert owner.get(salon.url(LIST + "99999/change/")).status_code == 404
    for raw in ("add/", f"{now}/delete/", f"{now}/history/", f"{now}/to_delete/"):
        assert owner.get(salon.url(LIST + raw)).status_code == 404  # rules are edited on the one page
    assert re.search(r"<ins>.*role_owner", shown)
    assert re.search(r"<del>.*role_senior", shown)
    owner.post(salon.url(LIST + "versions/"), {"number": "1"})
    assert RuleSet.objects.get(status="published").note == "как в версии 1"
    assert owner.post(salon.url(LIST + "versions/"), {"number": "99"}).status_code == 404
    assert owner.post(salon.url(LIST + "versions/"), {"number": "x"}).status_code == 404


def test_rules_that_name_nobody_are_not_published_and_not_lost(form):
    answer = form.set(text=TEXT.replace("role_senior", '"очередь_барберы"')).save("publish")
    html = answer.content.decode()
    assert answer.status_code == 422
    assert "некому отдать" in html
    assert "очередь_барберы" in html
    assert not RuleSet.objects.exists()
    assert form.save().status_code == 302  # a draft may name whom there will be
    assert RuleSet.objects.get().status == "draft"


def test_the_second_of_two_people_is_told_and_decides(salon, owner, form):
    other = Form(salon, salon.browser("svetlana"))
    other.set(text=TEXT).save(note="моё")
    answer = form.set(text=TEXT.replace("senior", "owner")).save()
    html = answer.content.decode()
    assert answer.status_code == 409
    assert "Светлана" in html
    assert "role_owner" in dict(controls(html))["text"]
    assert "role_senior" in draft_text()
    form.pairs = controls(html)
    assert form.save().status_code == 302
    assert "role_owner" in draft_text()


def test_a_mistake_does_not_let_the_second_person_write_over_the_first(salon, form):
    Form(salon, salon.browser("svetlana")).set(text=TEXT).save()
    form.pairs = controls(form.set(text="ЕСЛИ").save().content.decode())
    assert form.set(text=TEXT.replace("senior", "owner")).save().status_code == 409


def test_a_draft_is_dropped(form):
    form.set(text=TEXT).save()
    form.open().save("drop")
    assert not RuleSet.objects.exists()


def test_posts_that_our_page_does_not_make_are_refused(salon, owner, form):
    for pairs in ([("card", "x'y")], [("card", "r1"), ("r1.mode", "shut"), ("r1.text", "ЕСЛИ")], [("card", "r1")]):
        form.pairs = pairs
        assert form.post("agree/").status_code == 400
    form.pairs = []
    assert form.post("card/", what="open", uid="r404").status_code == 400
    assert form.post("ready/", key="no-such").status_code == 400
    assert owner.get(salon.url(LIST + "card/")).status_code == 403
    form.open().card("new")
    for at in ("b0.c.0.v77", "b9.c", "e.a5", "../x", "b0.c.0.0.0.0"):
        for what in ("remove", "add_test", "add_value", "add_action", "up", "whatever"):
            assert form.post("card/", what=what, uid=form.uid(), at=at).status_code == 200


@pytest.mark.parametrize("who", ["anna", "mila", "boris"])
def test_who_may_not_edit_reads_and_changes_nothing(salon, form, who):
    form.set(text=TEXT).save("publish")
    if who == "boris":
        Membership.objects.filter(user__email="boris@vesna.test").update(role="specialist")
    browser = salon.browser(who)
    html = page(browser.get(salon.url(LIST)))
    assert "чего хочет клиент — вопрос о цене" in html
    assert "Опубликовать" not in html
    assert "Добавить правило" not in html
    assert "Вернуть" not in page(browser.get(salon.url(LIST + "versions/")))
    page(browser.get(salon.url(LIST + "review/")))
    for path in ("card/", "agree/", "ready/", "save/", "versions/"):
        assert browser.post(salon.url(LIST + path), {"number": "1", "do": "drop"}).status_code == 403
    assert RuleSet.objects.get().text == TEXT


def test_a_manager_edits_rules_and_nothing_else_of_the_room(salon):
    Membership.objects.filter(user__email="boris@vesna.test").update(role="manager")
    manager = Form(salon, salon.browser("boris"))
    assert manager.set(text=TEXT).save("publish").status_code == 302
    assert RuleSet.objects.get().published_by == "Борис"
    assert salon.browser("boris").get(salon.url("admin/routing/queue/")).status_code == 403


def test_a_queue_is_made_of_people(salon, owner):
    people = [salon.anna.pk, salon.boris.pk]
    told = {"name": "Барберы", "key": "barbers", "members": people, "strategy": "least_loaded"}
    owner.post(salon.url("admin/routing/queue/add/"), told)
    assert Queue.objects.get().members == people
    assert "Анна, Борис" in page(owner.get(salon.url("admin/routing/queue/")))


def test_the_neighbour_has_none_of_it(salon, neighbour, form):
    form.set(text=TEXT).save("publish")
    stranger = neighbour.browser("viktor")
    for path in ("", "versions/", "review/"):
        assert stranger.get(salon.url(LIST + path)).status_code == 404
    assert stranger.post(salon.url(LIST + "save/"), {"do": "drop"}).status_code == 404
    with neighbour.inside():
        assert not RuleSet.objects.exists()
        assert "Цены" not in page(stranger.get(neighbour.url(LIST)))


def test_a_ready_rule_asks_for_whom_and_joins_the_list(salon, form):
    answer = form.post("ready/", key="vip")
    assert "Выберите: кто ведёт vip" in page(answer)
    form.put("vip.person", "Анна")
    answer = page(form.post("ready/", key="vip"))
    assert "Добавлено: «VIP и постоянные — лично»." in answer
    assert dict(controls(answer))["text"].startswith('ПРАВИЛО "VIP и постоянные":\nЕСЛИ статус_клиента = VIP\n')
    assert 'назначить = "Анна"' in dict(controls(answer))["text"]
    assert not RuleSet.objects.exists()


def test_a_ready_rule_does_not_take_what_is_being_typed(form):
    form.set(text="ЕСЛИ балл >")
    answer = page(form.post("ready/", key="ad-first"))
    assert "строка 1" in answer
    assert "Реклама" not in answer


def test_a_card_says_how_often_its_rule_fired_and_lost(salon, outside, clock, owner, form):
    twice = TEXT + 'ПРАВИЛО "Цены ещё":\nЕСЛИ намерение = "цена"\nТО назначить = role_owner\n'
    form.set(text=twice).save("publish")
    for client in (501, 502):
        salon.receives("telegram", "Сколько стоит маникюр?", client=client)
    clock.tick(seconds=1)
    told = " ".join(form.open().html.split())
    assert "Сработало 2 раза за 30 дней</p>" in told
    assert "Сработало 2 раза за 30 дней, из них 2 раза решило правило выше" in told
    assert "поднимите это или удалите" in page(owner.get(salon.url(LIST + "review/")))
