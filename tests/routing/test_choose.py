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
