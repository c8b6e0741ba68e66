"""What advertising cost: sheets of Яндекс Директ, VK Реклама and of one's own read as days, and kept once a day.

Reading is pure; `compared` and `keep` meet the database."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice

from django.db import transaction

from routing.models import AdSpend, Campaign

LARGEST = 1_000_000  # bytes of a sheet
MOST_LINES = 5000
MOST_KOPECKS = 2_000_000_000  # what one row of the table can hold
_HEAD_WITHIN = 25  # lines of a sheet in which its head is looked for: reports begin with words of their own
_DAYS = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%Y/%m/%d", "%d-%m-%Y")
_TOTALS = ("итого", "всего", "total")
# Names of columns: lower case, only letters and digits.
_DATE = {"дата", "день", "date", "day"}
_CAMPAIGN = {"кампания", "название кампании", "имя кампании", "рекламная кампания", "название рекламной кампании"} | {
    "campaign", "campaign name", "campaignname", "utm campaign", "метка кампании",
}  # fmt: skip
_SOURCE = {"источник", "source", "utm source", "площадка", "рекламная система"}
_AMOUNT = re.compile(
    r"(расход|расходы|потрачено|списано|сумма|стоимость|затраты|cost|spent|spend|amount|total spent)"
    r"( всего| за период| руб| рублей| р| rub| с ндс| без ндс)*"
)


class NotASheet(ValueError):
    """The file is not read at all; str() says why in Russian."""


@dataclass(frozen=True)
class Line:
    """One day of one campaign. `number`: the line of the file it began in."""

    number: int
    day: date
    source: str
    campaign: str
    kopecks: int

    @property
    def key(self) -> tuple[date, str, str]:
        return self.day, self.source.lower(), self.campaign.lower()


@dataclass(frozen=True)
class Problem:
    number: int
    text: str


@dataclass(frozen=True)
class Sheet:
    kind: str  # «Яндекс Директ»
    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Head:
    """Which columns are what; -1: there is none."""

    number: int
    kind: str
    source_by_kind: str
    day: int
    amount: int
    campaign: int
    source: int


def read(body: bytes, *, source: str = "", today: date, campaigns: Sequence[Campaign] = ()) -> Sheet:
    """Days of a sheet, those of one campaign and day added up. `source`: of a sheet that names none.

    A campaign that is known by its name or its mark gets its marks. Raises NotASheet."""
    if len(body) > LARGEST:
        raise NotASheet("Файл больше 1 МБ: выгрузите период покороче.")
    text = _decoded(body)
    for delimiter in (";", "\t", ","):
        rows = list(islice(_rows(text, delimiter), MOST_LINES + _HEAD_WITHIN))
        if head := _head(rows):
            return _read_rows(rows, head, source.strip(), today, campaigns)
    raise NotASheet("Не нашли столбцов с датой и расходом. Нужны «Дата», «Кампания» и «Расход».")


def _decoded(body: bytes) -> str:
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    if b"\x00" in body:
        raise NotASheet("Это не CSV. Выгрузите отчёт как CSV, не как XLSX.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp1251", "replace")


def _rows(text: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """Rows that are not empty, with the number of the file's line they end in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, [cell.strip() for cell in row]
    except csv.Error as error:
        raise NotASheet(f"Файл не читается со строки {reader.line_num}.") from error


def _head(rows: Sequence[tuple[int, list[str]]]) -> _Head | None:
    for place, (_, row) in enumerate(rows[:_HEAD_WITHIN]):
        names = [_plain(cell) for cell in row]
        day = next((n for n, name in enumerate(names) if name in _DATE), -1)
        amount = next((n for n, name in enumerate(names) if _AMOUNT.fullmatch(name)), -1)
        if day < 0 or amount < 0:
            continue
        campaign = next((n for n, name in enumerate(names) if name in _CAMPAIGN), -1)
        source = next((n for n, name in enumerate(names) if name in _SOURCE), -1)
        kind, by_kind = "таблица", ""
        if source < 0 and names[amount].startswith(("потрачено", "списано", "spent", "total spent")):
            kind, by_kind = "VK Реклама", "vk"
        elif source < 0 and names[amount].startswith(("расход", "стоимость", "cost")) and campaign >= 0:
            kind, by_kind = "Яндекс Директ", "yandex"
        return _Head(place, kind, by_kind, day, amount, campaign, source)
    return None


def _plain(cell: str) -> str:
    return " ".join(re.sub(r"[\W_]+", " ", cell.lower().replace("ё", "е")).split())


def _read_rows(
    rows: Sequence[tuple[int, list[str]]], head: _Head, source: str, today: date, campaigns: Sequence[Campaign]
) -> Sheet:
    found: dict[tuple[date, str, str], Line] = {}
    problems = []
    below = rows[head.number + 1 :]
    if len(below) > MOST_LINES:
        raise NotASheet(f"В файле больше {MOST_LINES} строк: выгрузите период покороче.")
    for number, row in below:
        if row[0].lower().startswith(_TOTALS):
            continue
        try:
            line = _line(number, row, head, source or head.source_by_kind, today)
        except ValueError as error:
            problems.append(Problem(number, str(error)))
            continue
        line = _as_known(line, campaigns)
        before = found.get(line.key)
        found[line.key] = replace(before, kopecks=before.kopecks + line.kopecks) if before else line
    return Sheet(head.kind, tuple(sorted(found.values(), key=lambda line: line.key)), tuple(problems))


def _line(number: int, row: Sequence[str], head: _Head, source: str, today: date) -> Line:
    """Raises ValueError with the reason in Russian."""
    cell = dict(enumerate(row)).get
    day = read_day(cell(head.day, ""))
    if day > today:
        raise ValueError(f"День {day:%d.%m.%Y} ещё не наступил.")
    told = cell(head.source, "") or source
    if not told:
        raise ValueError("Не указан источник: впишите его над файлом или добавьте столбец «Источник».")
    return Line(number, day, told[:120].lower(), cell(head.campaign, "")[:120], read_kopecks(cell(head.amount, "")))


def read_day(text: str) -> date:
    """A date as sheets write it; a time after it is dropped. Raises ValueError."""
    told = text.strip().replace("T", " ").partition(" ")[0]
    for shape in _DAYS:
        try:
            return datetime.strptime(told, shape).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    raise ValueError(f"Не дата: «{text[:30]}». Нужно 25.11.2026 или 2026-11-25." if told else "Дата не указана.")


def read_kopecks(text: str) -> int:
    """«1 234,56 ₽» -> 123456. Raises ValueError."""
    told = re.sub(r"[^\d.,\-]", "", text.replace("\u2212", "-")).rstrip(".,")
    if "," in told and "." in told:
        told = told.replace("," if told.rfind(".") > told.rfind(",") else ".", "")
    told = told.replace(",", ".")
    if told.count(".") > 1:
        told = told.replace(".", "")
    try:
        kopecks = int((Decimal(told) * 100).to_integral_value("ROUND_HALF_UP"))
    except InvalidOperation:
        raise ValueError(f"Не сумма: «{text[:30]}»." if text else "Сумма не указана.") from None
    if not 0 <= kopecks <= MOST_KOPECKS:
        raise ValueError(f"Такой суммы за день быть не может: «{text[:30]}».")
    return kopecks


def _as_known(line: Line, campaigns: Sequence[Campaign]) -> Line:
    """The marks of the campaign that this is: by name or mark, of the same source where several are called so."""
    called = line.campaign.lower()
    named = [one for one in campaigns if called and called in (one.name.lower(), one.utm_campaign.lower())]
    known = next((one for one in named if one.utm_source.lower() == line.source), None)
    if known is None and len(named) == 1 and named[0].name.lower() == called:
        known = named[0]
    return replace(line, source=known.utm_source.lower(), campaign=known.utm_campaign) if known else line


# --- Kept -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Compared:
    """A line beside what is kept of that day. `before` None: nothing yet."""

    line: Line
    before: int | None

    @property
    def is_same(self) -> bool:
        return self.before == self.line.kopecks


def compared(lines: Iterable[Line]) -> list[Compared]:
    lines = list(lines)
    kept = {key: row.amount_kopecks for key, row in _kept(lines).items()}
    return [Compared(line, kept.get(line.key)) for line in lines]


@transaction.atomic
def keep(lines: Iterable[Line]) -> int:
    """What a day cost is what was said last: a day said again replaces, it never adds; nothing spent is no row.

    How many rows changed."""
    lines, fresh, changed = list(lines), [], 0
    kept = _kept(lines)
    for line in lines:
        row = kept.get(line.key)
        if row is None and line.kopecks:
            fresh.append(AdSpend(day=line.day, source=line.source, campaign=line.campaign, amount_kopecks=line.kopecks))
        elif row and not line.kopecks:
            row.delete()
        elif row and row.amount_kopecks != line.kopecks:
            row.amount_kopecks = line.kopecks
            row.save(update_fields=["amount_kopecks"])
        else:
            continue
        changed += 1
    # The button may have been pressed twice: the same day of the same campaign is then there by now.
    told = {"unique_fields": ["day", "source", "campaign"], "update_fields": ["amount_kopecks"]}
    AdSpend.objects.bulk_create(fresh, update_conflicts=True, **told)
    return changed


def _kept(lines: Sequence[Line]) -> dict[tuple[date, str, str], AdSpend]:
    rows = AdSpend.objects.filter(day__in={line.day for line in lines})
    return {(row.day, row.source.lower(), row.campaign.lower()): row for row in rows}
