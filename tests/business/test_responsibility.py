"""Who answers for what: saved whole and right, or not at all."""

import copy

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tenants.business import responsibility, versions
from tenants.business.models import Branch, MatrixCell
from tests.world import MATRIX


def changed(stage, **letters):
    cells = copy.deepcopy(MATRIX)
    cells[stage].update(letters)
    return cells


def test_roles_of_a_stage(salon):
    assert responsibility.accountable("booking") == "senior"
    assert responsibility.load_matrix() == MATRIX


def test_right_matrix_has_no_errors():
    assert responsibility.check_matrix(MATRIX) == {}


@pytest.mark.parametrize(
    ("letters", "errors"),
    [
        ({"owner": "A"}, ["Запись: должен быть ровно один A"]),
        ({"senior": ""}, ["Запись: должен быть ровно один A"]),
        ({"assistant": "C", "receptionist": ""}, ["Запись: должен быть хотя бы один R"]),
        ({"senior": "R", "assistant": "A"}, ["Запись: A должен быть человеком, а не ассистентом"]),
        ({"owner": "X"}, ["Запись: такой буквы нет (X)"]),
        ({"cook": "I"}, ["Запись: такой роли нет (cook)"]),
    ],
)
def test_wrong_row_is_named_and_nothing_is_saved(salon, letters, errors):
    cells = changed("booking", **letters)
    assert responsibility.check_matrix(cells) == {"booking": errors}
    with pytest.raises(ValidationError) as refused:
        responsibility.save_matrix(cells, by=None, now=salon.clock.now())
    assert refused.value.messages == errors
    assert responsibility.load_matrix() == MATRIX


def test_missing_stage_is_an_error():
    cells = {stage: row for stage, row in MATRIX.items() if stage != "nurture"}
    assert responsibility.check_matrix(cells)["nurture"] == [
        "Возврат клиента: должен быть ровно один A",
        "Возврат клиента: должен быть хотя бы один R",
    ]
    assert "party" in responsibility.check_matrix({**MATRIX, "party": {}})


def test_saved_matrix_replaces_the_whole_and_the_neighbour_keeps_its_own(salon, neighbour):
    cells = changed("complaint", owner="I", senior="A", manager="R")
    responsibility.save_matrix(cells, by=salon.person("Виктор").user, now=salon.clock.now())
    assert responsibility.accountable("complaint") == "senior"
    assert responsibility.load_matrix()["complaint"]["manager"] == "R"
    assert MatrixCell.objects.count() == sum(len(row) for row in cells.values())
    with neighbour.inside():
        assert responsibility.accountable("complaint") == "owner"


def test_database_itself_refuses_a_second_accountable(salon):
    with pytest.raises(IntegrityError), transaction.atomic():
        MatrixCell.objects.create(stage="booking", role="owner", letter="A")


def test_people_of_a_role_in_a_branch_or_anywhere(salon):
    home = salon.branch
    other = Branch.objects.create(name="На Мира", city="ufa", address="-", timezone="Asia/Yekaterinburg")
    assert responsibility.people_of("receptionist", home) == [salon.anna, salon.boris]
    assert responsibility.people_of("receptionist", other) == [salon.anna, salon.boris]
    boris = salon.boris
    boris.branch = other
    boris.save()
    assert responsibility.people_of("receptionist", other) == [boris]
    assert responsibility.people_of("assistant") == []


# --- Versions ---


def test_every_save_is_a_version_that_says_what_changed(salon, neighbour):
    viktor = salon.person("Виктор").user
    cells = changed("complaint", owner="I", senior="A", manager="R")
    responsibility.save_matrix(cells, by=viktor, now=salon.clock.now(), note="Виктор в отпуске")

    newest, first = versions.history("matrix")
    assert (first.number, first.body, first.by) == (1, MATRIX, "")  # as it stood before versions were kept
    assert (newest.number, newest.by, newest.note) == (2, "Виктор", "Виктор в отпуске")
    assert [str(change) for change in responsibility.changes(first.body, newest.body)] == [
        "Жалоба, менеджер: — → R",
        "Жалоба, старший: R → A",
        "Жалоба, владелец: A → I",
    ]
    responsibility.save_matrix(first.body, by=viktor, now=salon.clock.now())
    assert responsibility.load_matrix() == MATRIX
    assert versions.latest("matrix").number == 3
    with neighbour.inside():
        assert versions.history("matrix") == []


def test_saving_what_stands_makes_no_version_and_kinds_are_counted_apart(salon):
    now = salon.clock.now()
    responsibility.save_matrix(MATRIX, by=None, now=now)
    responsibility.save_matrix(MATRIX, by=None, now=now)
    assert [version.number for version in versions.history("matrix")] == [1]
    assert versions.keep("sla", {"hot_take_seconds": 60}, by=None, now=now).number == 1
    assert versions.keep("sla", {"hot_take_seconds": 90}, by=None, now=now, note="лето").number == 2
    assert versions.find("sla", 1).body == {"hot_take_seconds": 60}
    assert versions.find("sla", 3) is None


def test_refused_matrix_leaves_no_version(salon):
    with pytest.raises(ValidationError):
        responsibility.save_matrix(changed("booking", owner="A"), by=None, now=salon.clock.now())
    assert versions.history("matrix") == []


def test_letters_of_roles_that_nobody_has_are_pointed_out():
    people = {"receptionist": 2, "senior": 1, "owner": 1, "marketing": 0, "specialist": 2, "manager": 0}
    assert responsibility.gaps(MATRIX, people) == {
        "first_contact": ["C — менеджер, но таких сотрудников нет"],
        "reminder": ["R — один ассистент: когда нужен человек, заявка идёт менеджеру или A"],
        "nurture": ["R — маркетолог, но таких сотрудников нет"],
    }


def test_crew_says_who_is_at_work(salon):
    anna = salon.anna
    anna.is_away = True
    anna.save()
    crew = responsibility.crew(salon.clock.now())
    assert [(person.name, person.is_here) for person in crew["receptionist"]] == [("Анна", False), ("Борис", True)]
    assert crew["assistant"] == crew["manager"] == []
    night = salon.clock.now().replace(hour=20)
    assert not any(person.is_here for people in responsibility.crew(night).values() for person in people)
