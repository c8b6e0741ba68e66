"""Who answers for what: saved whole and right, or not at all."""

import copy

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from tenants.business import responsibility
from tenants.business.models import Branch, MatrixCell
from tests.world import MATRIX


def changed(stage, **letters):
    cells = copy.deepcopy(MATRIX)
    cells[stage].update(letters)
    return cells


def test_roles_of_a_stage(salon):
    assert responsibility.accountable("booking") == "senior"
    assert responsibility.responsible("booking") == ["assistant", "receptionist"]
    assert responsibility.consulted("first_contact") == ["manager"]
    assert responsibility.informed("first_contact") == ["owner"]
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
        responsibility.save_matrix(cells, by=None)
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
    responsibility.save_matrix(cells, by=salon.person("Виктор").user)
    assert responsibility.accountable("complaint") == "senior"
    assert responsibility.responsible("complaint") == ["manager"]
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
