"""Whom a lead goes to, among plain people."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from routing.assignment import Candidate, choose

NOW = datetime(2026, 11, 25, 7, 0, tzinfo=UTC)
ANNA = Candidate(1, "Анна", "receptionist", True, False, 0, 4, branch_id=1, last_given_at=NOW)
BORIS = replace(ANNA, staff_id=2, name="Борис", last_given_at=NOW - timedelta(hours=1))
SVETLANA = replace(ANNA, staff_id=3, name="Светлана", role="senior")
TIERS = (["receptionist"], ["manager"], ["senior"])


def pick(*people, exclude=(), branch_id=1):
    return choose(people, tiers=TIERS, branch_id=branch_id, exclude=exclude)


def test_who_waited_longest_gets_it_and_everybody_gets_a_reason():
    choice = pick(ANNA, BORIS, SVETLANA)
    assert choice.staff_id == BORIS.staff_id
    assert [(verdict.name, verdict.is_chosen) for verdict in choice.verdicts] == [
        ("Анна", False),
        ("Борис", True),
        ("Светлана", False),
    ]
    assert all(verdict.reason for verdict in choice.verdicts)


def test_who_never_had_one_waited_longest():
    assert pick(ANNA, BORIS, replace(SVETLANA, role="receptionist", last_given_at=None)).staff_id == 3


def test_full_away_off_shift_and_tried_people_are_left_out_with_the_reason():
    full = replace(ANNA, open_leads=4)
    away = replace(BORIS, is_away=True)
    off = replace(BORIS, staff_id=4, name="Вера", is_on_shift=False)
    choice = pick(full, away, off, SVETLANA)
    assert choice.staff_id == SVETLANA.staff_id
    assert [verdict.reason for verdict in choice.verdicts[:3]] == ["занят: 4 из 4 заявок", "отошёл", "не на смене"]
    assert pick(ANNA, BORIS, exclude=[2]).staff_id == 1


def test_people_of_the_branch_come_first():
    assert pick(ANNA, replace(BORIS, branch_id=2)).staff_id == 1


def test_nobody_able_is_said_and_not_guessed():
    choice = pick(replace(ANNA, is_on_shift=False))
    assert choice.staff_id is None
    assert choice.reason == "никого подходящего нет на смене"


def named(*people, strategy, skill_id=None):
    everybody = {person.staff_id for person in people}
    choice = choose(people, tiers=TIERS, branch_id=1, exclude=(), first=everybody, strategy=strategy, skill_id=skill_id)
    return choice.staff_id, choice.reason


def test_whom_a_rule_named_come_before_the_roles():
    manager = replace(SVETLANA, role="manager")
    choice = choose([ANNA, BORIS, manager], tiers=TIERS, branch_id=1, exclude=(), first=[manager.staff_id])
    assert choice.staff_id == manager.staff_id
    away = replace(manager, is_away=True)
    choice = choose([ANNA, BORIS, away], tiers=TIERS, branch_id=1, exclude=(), first=[manager.staff_id])
    assert (choice.staff_id, choice.reason) == (
        BORIS.staff_id,
        "названные правилом не могут; дольше всех ждёт заявку, сейчас 0 из 4 заявок",
    )


def test_strategies():
    busy = replace(BORIS, open_leads=2)
    assert named(ANNA, busy, strategy="round_robin")[0] == BORIS.staff_id
    assert named(ANNA, busy, strategy="least_loaded") == (1, "наименее занят, сейчас 0 из 4 заявок")
    assert named(replace(ANNA, load_cap=10, open_leads=3), busy, strategy="least_loaded")[0] == 1  # of what each can
    assert named(replace(ANNA, is_previous=True, branch_id=2), BORIS, strategy="sticky") == (
        1,
        "вёл этого клиента раньше, сейчас 0 из 4 заявок",
    )
    assert named(ANNA, BORIS, strategy="sticky")[1].startswith("дольше всех ждёт")  # nobody led the client
    assert named(replace(ANNA, skill_ids=frozenset({7})), BORIS, strategy="by_skill", skill_id=7)[0] == 1
    assert named(replace(ANNA, skill_ids=frozenset({7})), BORIS, strategy="by_skill", skill_id=8)[0] == 2


@given(st.lists(st.integers(1, 10), min_size=2, max_size=5), st.integers(20, 120))
def test_weights_share_leads_as_they_say(weights, leads):
    staff = [
        replace(ANNA, staff_id=number, last_given_at=None, load_cap=10_000, weight=weight)
        for number, weight in enumerate(weights)
    ]
    for turn in range(leads):
        number, _ = named(*staff, strategy="weighted")
        one, at = staff[number], NOW + timedelta(seconds=turn)
        staff[number] = replace(one, given=(*one.given, at), last_given_at=at)
    for person in staff:
        assert abs(len(person.given) - leads * person.weight / sum(weights)) <= len(weights)


def test_who_comes_later_has_nothing_to_catch_up_with():
    given = tuple(NOW + timedelta(minutes=minute) for minute in range(30))
    early = replace(ANNA, since=NOW, given=given, last_given_at=given[-1], weight=2)
    late = replace(BORIS, since=NOW + timedelta(hours=1), last_given_at=None)
    assert (
        named(early, late, strategy="weighted")[0] == ANNA.staff_id
    )  # by weight alone, from the moment both are there


def test_skill_is_asked_of_specialists_alone():
    olga = replace(ANNA, staff_id=5, name="Ольга", role="specialist", skill_ids=frozenset({7}), branch_id=2)
    marina = replace(olga, staff_id=6, name="Марина", skill_ids=frozenset(), branch_id=1)
    choice = choose([ANNA, olga, marina], tiers=[["specialist"]], branch_id=1, exclude=(), skill_id=7)
    assert choice.staff_id == olga.staff_id
    assert choice.verdicts[2].reason == "нет навыка для этой услуги"
    assert choose([ANNA, marina], tiers=TIERS, branch_id=1, exclude=(), skill_id=7).staff_id == ANNA.staff_id


def test_who_speaks_the_clients_language_comes_first_and_nobody_is_lost_for_it():
    speaker = replace(ANNA, languages=frozenset({"tt"}))
    choice = choose([speaker, BORIS], tiers=TIERS, branch_id=1, exclude=(), language="tt")
    assert choice.staff_id == ANNA.staff_id
    assert choice.verdicts[1].reason == "не владеет языком: татарский"
    assert choose([speaker, BORIS], tiers=TIERS, branch_id=1, exclude=(), language="ru").staff_id == BORIS.staff_id
    assert choose([ANNA, BORIS], tiers=TIERS, branch_id=1, exclude=(), language="kk").staff_id == BORIS.staff_id


def reserve(*people, exclude=(), backup_id=None):
    return choose(people, tiers=TIERS, branch_id=1, exclude=exclude, has_reserve=True, backup_id=backup_id)


def test_where_nobody_is_able_those_out_for_a_moment_then_who_is_on_duty_then_the_backup():
    near = replace(ANNA, is_away=True, is_near=True, absence="отошёл")
    gone = replace(BORIS, is_away=True, absence="смена закончена")
    owner = replace(SVETLANA, staff_id=4, name="Виктор", role="owner")
    backup = replace(SVETLANA, staff_id=5, name="Вера", role="marketing", is_on_shift=False)
    everybody = near, gone, owner, backup
    choice = reserve(*everybody, backup_id=5)
    assert (choice.staff_id, choice.reason) == (1, "временно отсутствует: никого подходящего нет на смене")
    assert [verdict.reason for verdict in choice.verdicts[1:]] == [
        "смена закончена",
        "не отвечает за этот этап",
        "не на смене",
    ]
    assert reserve(*everybody, exclude=[1], backup_id=5).reason.startswith("дежурный")
    assert reserve(*everybody, exclude=[1, 4], backup_id=5).reason.startswith("резервный сотрудник")
    assert reserve(*everybody, exclude=[1, 4]).staff_id is None
    full = replace(backup, open_leads=4)
    assert reserve(full, backup_id=5).staff_id is None  # the cap is everybody's
    assert reserve(replace(near, branch_id=2)).staff_id is None  # not of another branch


def test_why_nobody_takes_it_is_told_in_short():
    assert reserve(replace(ANNA, open_leads=4), gone := replace(BORIS, is_on_shift=False)).reason == (
        "все, кто на смене, заняты"
    )
    assert reserve(gone).reason == "никого подходящего нет на смене"


@given(st.integers(2, 6), st.integers(1, 60))
def test_turns_go_round_among_equals(people, leads):
    staff = [replace(ANNA, staff_id=number, last_given_at=None, load_cap=1000) for number in range(1, people + 1)]
    got = dict.fromkeys(range(1, people + 1), 0)
    for turn in range(leads):
        chosen = choose(staff, tiers=TIERS, branch_id=1, exclude=()).staff_id
        got[chosen] += 1
        index = chosen - 1
        staff[index] = replace(
            staff[index], open_leads=staff[index].open_leads + 1, last_given_at=NOW + timedelta(seconds=turn)
        )
    assert max(got.values()) - min(got.values()) <= 1
