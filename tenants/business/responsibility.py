"""The responsibility matrix: who does, answers for, advises on and hears of each stage."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import connection, transaction

from tenants.business import calendar, versions
from tenants.business.models import Branch, Letter, MatrixCell, MatrixRole, SettingsVersion, StaffMember, Stage
from tenants.models import User

logger = logging.getLogger(__name__)

Cells = Mapping[str, Mapping[str, str]]  # stage -> role -> letter; a missing or empty letter is an empty cell
Kind = SettingsVersion.Kind


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
def save_matrix(cells: Cells, *, by: User | None, now: datetime, note: str = "") -> SettingsVersion:
    """Replace the whole matrix and keep it as a version. Raises ValidationError with the rows' errors; then nothing
    has changed.

    `by` None: set up by the platform."""
    if errors := check_matrix(cells):
        raise ValidationError([text for wrong in errors.values() for text in wrong])
    versions.lock()
    before, after = load_matrix(), tidied(cells)
    if any(before.values()) and versions.latest(Kind.MATRIX) is None:
        versions.keep(Kind.MATRIX, before, by=None, now=now)  # it was filled in before versions were kept
    MatrixCell.objects.all().delete()
    MatrixCell.objects.bulk_create(
        MatrixCell(stage=stage, role=role, letter=letter)
        for stage, row in after.items()
        for role, letter in row.items()
    )
    kept = versions.keep(Kind.MATRIX, after, by=by, now=now, note=note)
    logger.info("responsibility matrix of %s saved by user %s", connection.schema_name, by.pk if by else None)
    return kept


def tidied(cells: Cells) -> dict[str, dict[str, str]]:
    """The same matrix with every stage present and empty cells left out; what is no stage or role is dropped."""
    return {
        stage: {role: letter for role in MatrixRole.values if (letter := cells.get(stage, {}).get(role))}
        for stage in Stage.values
    }


@dataclass(frozen=True)
class CellChange:
    """One cell that differs between two matrices; an empty letter is an empty cell."""

    stage: str
    role: str
    was: str
    becomes: str

    def __str__(self) -> str:
        role = str(MatrixRole(self.role).label).lower()
        return f"{Stage(self.stage).label}, {role}: {self.was or '—'} → {self.becomes or '—'}"


def changes(before: Cells, after: Cells) -> list[CellChange]:
    """What differs, stage by stage, in the order of the grid. Pure."""
    was, now = tidied(before), tidied(after)
    return [
        CellChange(stage, role, was[stage].get(role, ""), now[stage].get(role, ""))
        for stage in Stage.values
        for role in MatrixRole.values
        if was[stage].get(role, "") != now[stage].get(role, "")
    ]


def gaps(cells: Cells, people: Mapping[str, int]) -> dict[str, list[str]]:
    """What may be saved but will not work, by stage: a letter of a role that nobody has. `people`: how many, by role.

    Pure; the assistant is always there."""
    found: dict[str, list[str]] = {}
    for stage, row in tidied(cells).items():
        for role, letter in row.items():
            if role != MatrixRole.ASSISTANT and not people.get(role):
                title = str(MatrixRole(role).label).lower()
                found.setdefault(stage, []).append(f"{letter} — {title}, но таких сотрудников нет")
        if list(row.values()).count(Letter.R) == 1 and row.get(MatrixRole.ASSISTANT) == Letter.R:
            found.setdefault(stage, []).append("R — один ассистент: когда нужен человек, заявка идёт менеджеру или A")
    return found


def load_matrix() -> dict[str, dict[str, str]]:
    """stage -> role -> letter, every stage present; one query."""
    matrix: dict[str, dict[str, str]] = {stage: {} for stage in Stage.values}
    for cell in MatrixCell.objects.all():
        matrix[cell.stage][cell.role] = cell.letter
    return matrix


def accountable(stage: str) -> str | None:
    """The role that answers for a stage; None only in a business whose matrix was not filled in."""
    return MatrixCell.objects.filter(stage=stage, letter=Letter.A).values_list("role", flat=True).first()


def people_of(role: str, branch: Branch | None = None) -> list[StaffMember]:
    """Active people of a role, by name: those of the branch, or of the whole business where it has none.

    The assistant is nobody."""
    people = list(StaffMember.objects.filter(role=role, is_active=True))
    here = [person for person in people if branch is not None and person.branch_id == branch.pk]
    return here or people


@dataclass(frozen=True)
class Colleague:
    """One person of a role, as the grid names them."""

    name: str
    is_here: bool  # at work at the moment asked about, and not away


def crew(now: datetime) -> dict[str, list[Colleague]]:
    """Active people of every role by name, and who of them is at work; a constant number of queries."""
    people = list(StaffMember.objects.filter(is_active=True).order_by("pk"))
    rotas, calendars = calendar.load_rotas(people), calendar.load_calendars()
    found: dict[str, list[Colleague]] = {role: [] for role in MatrixRole.values}
    for person in people:
        rota = rotas.get(person.pk)
        is_here = rota is not None and not person.is_away and rota.at(now, calendars) is not None
        found[person.role].append(Colleague(person.name, is_here))
    return found
