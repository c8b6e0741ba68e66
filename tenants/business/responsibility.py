"""The responsibility matrix: who does, answers for, advises on and hears of each stage."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from tenants.business.models import Branch, Letter, MatrixCell, MatrixRole, StaffMember, Stage
from tenants.models import User

logger = logging.getLogger(__name__)

Cells = Mapping[str, Mapping[str, str]]  # stage -> role -> letter; a missing or empty letter is an empty cell
_LOCK = -1  # beside the advisory locks of staff members, whose numbers are positive


def check_matrix(cells: Cells) -> dict[str, list[str]]:
    """What is wrong, by stage, in words for the owner; empty when the matrix may be saved."""
    errors: dict[str, list[str]] = {}
    for stage, title in Stage.choices:
        if wrong := _row_errors(title, cells.get(stage, {})):
            errors[stage] = wrong
    for stage in cells:
        if stage not in Stage.values:
            errors[stage] = [f"{stage}: такого этапа нет"]
    return errors


def _row_errors(title: str, row: Mapping[str, str]) -> list[str]:
    letters = [letter for letter in row.values() if letter]
    wrong = [f"{title}: такой роли нет ({role})" for role in row if role not in MatrixRole.values]
    wrong += [f"{title}: такой буквы нет ({letter})" for letter in letters if letter not in Letter.values]
    if letters.count(Letter.A) != 1:
        wrong.append(f"{title}: должен быть ровно один A")
    elif row.get(MatrixRole.ASSISTANT) == Letter.A:
        wrong.append(f"{title}: A должен быть человеком, а не ассистентом")
    if Letter.R not in letters:
        wrong.append(f"{title}: должен быть хотя бы один R")
    return wrong


@transaction.atomic
def save_matrix(cells: Cells, *, by: User | None) -> None:
    """Replace the whole matrix. Raises ValidationError with the rows' errors; then nothing has changed.

    `by` None: set up by the platform."""
    if errors := check_matrix(cells):
        raise ValidationError([text for wrong in errors.values() for text in wrong])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema()), %s)", [_LOCK])
    MatrixCell.objects.all().delete()
    MatrixCell.objects.bulk_create(
        MatrixCell(stage=stage, role=role, letter=letter)
        for stage, row in cells.items()
        for role, letter in row.items()
        if letter
    )
    logger.info("responsibility matrix of %s saved by user %s", connection.schema_name, by.pk if by else None)


def load_matrix() -> dict[str, dict[str, str]]:
    """stage -> role -> letter, every stage present; one query."""
    matrix: dict[str, dict[str, str]] = {stage: {} for stage in Stage.values}
    for cell in MatrixCell.objects.all():
        matrix[cell.stage][cell.role] = cell.letter
    return matrix


def accountable(stage: str) -> str | None:
    """The role that answers for a stage; None only in a business whose matrix was not filled in."""
    return next(iter(_roles(stage, Letter.A)), None)


def responsible(stage: str) -> list[str]:
    """Roles that do a stage's work, the assistant first where it is one."""
    return _roles(stage, Letter.R)


def consulted(stage: str) -> list[str]:
    """Roles that hear of a stage's work beforehand."""
    return _roles(stage, Letter.C)


def informed(stage: str) -> list[str]:
    """Roles that hear of a stage's work afterwards."""
    return _roles(stage, Letter.I)


def _roles(stage: str, letter: Letter) -> list[str]:
    found = set(MatrixCell.objects.filter(stage=stage, letter=letter).values_list("role", flat=True))
    return [role for role in MatrixRole.values if role in found]


def people_of(role: str, branch: Branch | None = None) -> list[StaffMember]:
    """Active people of a role, by name: those of the branch, or of the whole business where it has none.

    The assistant is nobody."""
    people = list(StaffMember.objects.filter(role=role, is_active=True))
    here = [person for person in people if branch is not None and person.branch_id == branch.pk]
    return here or people
