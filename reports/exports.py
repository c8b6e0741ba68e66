"""Lists as CSV files that a spreadsheet opens as they are: semicolons, a byte order mark, no formula in any cell."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django_tenants.utils import tenant_context

from reports import lists
from reports.facts import Places
from reports.lists import Line
from routing.models import Lead
from tenants.access import Member
from tenants.models import Tenant

BOM = "\ufeff"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
WHO = {"assistant": "ассистент", "staff": "сотрудник"}

Column = tuple[str, Callable[[Line], Any]]
_COMMON: tuple[Column, ...] = (
    ("Заявка", lambda line: line.lead_id or ""),
    ("Клиент", lambda line: line.client),
    ("Канал", lambda line: line.channel),
    ("Источник", lambda line: line.source),
    ("Кампания", lambda line: line.campaign),
)
LEAD_COLUMNS: tuple[Column, ...] = (
    ("Когда", lambda line: f"{line.at:%d.%m.%Y %H:%M}"),
    *_COMMON,
    ("Что хочет", lambda line: line.wants),
    ("Первый ответ, с", lambda line: "" if line.answer_seconds is None else round(line.answer_seconds)),
    ("Кто ответил", lambda line: WHO.get(line.answered_by, "")),
    ("Состояние", lambda line: line.state),
    ("Ответственный", lambda line: line.staff),
)
VISIT_COLUMNS: tuple[Column, ...] = (
    ("Визит", lambda line: f"{line.at:%d.%m.%Y %H:%M}"),
    *_COMMON,
    ("Услуги", lambda line: line.wants),
    ("К кому", lambda line: line.staff),
    ("Состояние", lambda line: line.state),
    ("Цена, руб.", lambda line: f"{(line.price_kopecks or 0) / 100:.2f}".replace(".", ",")),
)


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, text: str) -> str:
        return text


def csv_lines(picked: Sequence[Any], places: Places, *, tenant: Tenant, of_visits: bool, named: bool) -> Iterator[str]:
    """The file piece by piece. Runs after the middleware has left the tenant, so it enters it again itself."""
    columns = VISIT_COLUMNS if of_visits else LEAD_COLUMNS
    writer = csv.writer(_Echo(), delimiter=";")
    yield BOM + writer.writerow([title for title, _ in columns])
    with tenant_context(tenant):
        for line in lists.in_chunks(picked, places, named=named):
            yield writer.writerow([harmless(tell(line)) for _, tell in columns])


def harmless(value: Any) -> str:
    """Text that a spreadsheet does not run: what clients wrote may begin like a formula."""
    text = str(value)
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text


def note(member: Member, title: str, count: int) -> None:
    """Who took a list of clients out of the product stands in the business's journal."""
    LogEntry.objects.create(
        user_id=member.user.pk,
        content_type=ContentType.objects.get_for_model(Lead),
        object_repr=f"Выгрузка: {title}"[:200],
        action_flag=CHANGE,
        change_message=f"Выгружено строк: {count}",
    )
