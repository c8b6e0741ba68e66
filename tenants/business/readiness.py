"""What a business still lacks before its assistant can answer and book: sentences for the owner."""

from __future__ import annotations

from typing import NamedTuple

from django.db.models import Count, Q

from tenants.business.models import Branch, BusinessSettings, Service, StaffMember
from tenants.business.responsibility import check_matrix, load_matrix


class Gap(NamedTuple):
    """`page`: the model on whose page it is mended."""

    text: str
    page: str


def gaps() -> list[Gap]:
    """In the order of mending; empty: the business is ready. At most eight queries."""
    return [*_settings_gaps(), *_branch_gaps(), *_staff_gaps(), *_service_gaps(), *_matrix_gaps()]


def _settings_gaps() -> list[Gap]:
    settings = BusinessSettings.objects.filter(pk=1).first()
    if settings is None:
        return [Gap("Укажите название бизнеса для клиентов.", "businesssettings")]
    found = []
    if not settings.policy_url:
        found.append(Gap("Нет ссылки на политику обработки персональных данных.", "businesssettings"))
    if settings.backup_staff_id is None:
        found.append(Gap("Не выбран резервный сотрудник для горячих заявок.", "businesssettings"))
    return found


def _branch_gaps() -> list[Gap]:
    branches = list(Branch.objects.filter(is_active=True).annotate(spans=Count("hours")))
    if not branches:
        return [Gap("Нет ни одного работающего филиала: ассистент не может отвечать.", "branch")]
    return [
        Gap(f"У филиала «{branch.name}» не указаны часы работы.", "branch") for branch in branches if not branch.spans
    ]


def _staff_gaps() -> list[Gap]:
    people = list(StaffMember.objects.filter(is_active=True).annotate(rows=Count("shifts")))
    found = []
    if not any(person.takes_bookings for person in people):
        found.append(Gap("Никто не ведёт приём: записать клиента не к кому.", "staffmember"))
    without = [person.name for person in people if person.takes_bookings and not person.rows]
    if without:
        found.append(Gap(f"Нет смен, поэтому нельзя записать: {', '.join(without)}.", "staffmember"))
    return found


def _service_gaps() -> list[Gap]:
    able = Count("skill__staff", filter=Q(skill__staff__is_active=True, skill__staff__takes_bookings=True))
    services = list(Service.objects.filter(is_active=True).annotate(able=able))
    if not services:
        return [Gap("Нет ни одной услуги.", "service")]
    nobody = [service.name for service in services if service.skill_id and not service.able]
    return [Gap(f"Некому делать: {', '.join(nobody)}.", "service")] if nobody else []


def _matrix_gaps() -> list[Gap]:
    return [Gap("Матрица ответственности заполнена не полностью.", "matrixcell")] if check_matrix(load_matrix()) else []
