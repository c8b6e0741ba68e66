"""Questions and answers out of what an owner already has: a pasted text or page, CSV, XLSX, DOCX.

Nothing here touches the database: words in, entries and errors out, each with the place it came from. What a file says
is only ever words of an entry: formulas, macros, links and orders in it do nothing.
"""

from __future__ import annotations

import csv
import io
import re
import unicodedata
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

from assistant.models import KnowledgeEntry

LARGEST_FILE = 2 * 1024 * 1024  # bytes
LARGEST_UNPACKED = 30 * 1024 * 1024  # bytes inside an XLSX or DOCX: a small archive may unpack to gigabytes
LONGEST_TEXT = 200_000  # characters
MOST_ENTRIES = 300
MOST_ROWS = 2000
MOST_ERRORS = 50
LONGEST_QUESTION = 200
LONGEST_ANSWER = 2000
LONGEST_SYNONYM = 120
MOST_SYNONYMS = 20
FORMATS = (".txt", ".csv", ".xlsx", ".docx")

Kind = KnowledgeEntry.Kind


class Unreadable(Exception):
    """The whole text or file cannot be taken; str() says why, in Russian."""


@dataclass(frozen=True)
class Found:
    """One entry as it was understood. `place`: where it begins, for people; `kind` is "" where the file names none."""

    place: str
    question: str
    answer: str
    synonyms: tuple[str, ...] = ()
    kind: str = ""
    same_as: str = ""  # where this question stands already; "" for a new one


@dataclass
class Reading:
    """What was understood, and what was not: errors by place, in Russian."""

    entries: list[Found] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def add(self, found: Found) -> None:
        if wrong := _wrong(found):
            self.fail(found.place, wrong)
        else:
            self.entries.append(found)

    def fail(self, place: str, why: str) -> None:
        self.errors.append(f"{place}: {why}")


def read_file(name: str, content: bytes) -> Reading:
    """Entries of a TXT, CSV, XLSX or DOCX file. Raises Unreadable."""
    if len(content) > LARGEST_FILE:
        raise Unreadable(f"Файл больше {LARGEST_FILE // 1024 // 1024} МБ. Разделите его на части.")
    if not content:
        raise Unreadable("Файл пустой.")
    suffix = "." + name.lower().rpartition(".")[2]
    if suffix == ".txt":
        return read_text(decoded(content))
    if suffix == ".csv":
        return _checked(_read_rows(_csv_rows(decoded(content))))
    if suffix == ".xlsx":
        return _checked(_read_rows(_xlsx_rows(content)))
    if suffix == ".docx":
        return _checked(_read_docx(content))
    raise Unreadable(
        "Этот вид файла не читается. Подойдут TXT, CSV, XLSX и DOCX; старые XLS и DOC сохраните в новом виде."
    )


def read_text(text: str) -> Reading:
    """Entries of a pasted text, or of a page pasted with its tags. Raises Unreadable."""
    if len(text) > LONGEST_TEXT:
        raise Unreadable("Текст длиннее 200 000 знаков. Разделите его на части.")
    if _TAG.search(text):
        text = _page_text(text)
    lines = [_Line(f"Строка {number}", _clean(line)) for number, line in enumerate(text.splitlines(), 1)]
    return _checked(_read_lines(lines))


def mark_repeated(entries: Iterable[Found], known: Iterable[str]) -> list[Found]:
    """The same entries, with `same_as` where the question stands in `known` or earlier among them."""
    places = {_key(question): "уже есть в базе" for question in known}
    marked = []
    for found in entries:
        key = _key(found.question)
        marked.append(Found(**{**found.__dict__, "same_as": places.get(key, "")}))
        places.setdefault(key, f"повтор: {found.place[:1].lower()}{found.place[1:]}")
    return marked


def _key(question: str) -> str:
    return " ".join(re.findall(r"\w+", question.lower().replace("ё", "е")))


def _checked(reading: Reading) -> Reading:
    if len(reading.entries) > MOST_ENTRIES:
        raise Unreadable(f"Найдено вопросов: {len(reading.entries)}, за один раз можно не больше {MOST_ENTRIES}.")
    if not reading.entries and not reading.errors:
        raise Unreadable("Ни одного вопроса с ответом не нашлось.")
    if (more := len(reading.errors) - MOST_ERRORS) > 0:
        reading.errors[MOST_ERRORS:] = [f"И ещё ошибок: {more}."]
    return reading


def _wrong(found: Found) -> str:
    """What is wrong with an entry; "" when nothing is."""
    if not found.question:
        return "нет вопроса."
    if not found.answer:
        return f"нет ответа на вопрос «{_short(found.question)}»."
    if len(found.question) > LONGEST_QUESTION:
        return f"вопрос длиннее {LONGEST_QUESTION} знаков: «{_short(found.question)}»."
    if len(found.answer) > LONGEST_ANSWER:
        return f"ответ длиннее {LONGEST_ANSWER} знаков: «{_short(found.question)}»."
    if any(len(synonym) > LONGEST_SYNONYM for synonym in found.synonyms):
        return f"другой вариант вопроса длиннее {LONGEST_SYNONYM} знаков: «{_short(found.question)}»."
    if len(found.synonyms) > MOST_SYNONYMS:
        return f"других вариантов вопроса больше {MOST_SYNONYMS}: «{_short(found.question)}»."
    return ""


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:60].rstrip() + "…"


def _clean(text: str) -> str:
    """Without marks that nobody sees, and without spaces at the ends."""
    seen = "".join(" " if sign in "\t\xa0" else sign for sign in text)
    return "".join(sign for sign in seen if unicodedata.category(sign) not in ("Cc", "Cf", "Cs", "Co")).strip()


def decoded(content: bytes) -> str:
    """Text as UTF-8, as UTF-16 with its mark, else as Windows wrote it. Raises Unreadable."""
    is_marked = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    encodings = ["utf-16"] if is_marked else ["utf-8-sig", "cp1251"]
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise Unreadable("Буквы в файле не читаются. Сохраните его в кодировке UTF-8.")


# --- Lines ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Line:
    place: str
    text: str
    is_heading: bool = False


_ASKS = re.compile(r"^(?:\d{1,3}[.)]\s*)?(?:вопрос|в|q)\s*(?:№?\s*\d{1,3})?\s*[:.)]\s+(?P<text>\S.*)$", re.IGNORECASE)
_ANSWERS = re.compile(r"^(?:ответ|о|a)\s*(?:№?\s*\d{1,3})?\s*[:.)]\s*(?P<text>.*)$", re.IGNORECASE)
_LABELLED = re.compile(r"^\s*(?:\d{1,3}[.)]\s*)?вопрос\s*(?:№?\s*\d{1,3})?\s*[:.)]", re.IGNORECASE | re.MULTILINE)
_SHORT_ASKS = re.compile(r"^\s*(?:\d{1,3}[.)]\s*)?[вq]\s*\d{0,3}\s*[:.)]\s", re.IGNORECASE | re.MULTILINE)
_SHORT_ANSWERS = re.compile(r"^\s*[оa]\s*\d{0,3}\s*[:.)]", re.IGNORECASE | re.MULTILINE)
_LONE_LABEL = re.compile(r"^(?:\d{1,3}[.)]\s*)?(?:вопрос|ответ)\s*(?:№?\s*\d{1,3})?\s*[:.]$", re.IGNORECASE)
_BOTH_LABELS = re.compile(r"^((?:\d{1,3}[.)]\s*)?вопрос\s*\d{0,3}\s*[:.].+?)\s+(ответ\s*\d{0,3}\s*:.*)$", re.IGNORECASE)
_NUMBER = re.compile(r"^(?:\d{1,3}[.)]|[-•*–—])\s+")
_BULLET = re.compile(r"^[-•*–—]\s+")
_HEADING = re.compile(r"^#{1,6}\s+")
_ONE_LINE = re.compile(r"^(?P<question>[^?]{4,200}\?)\s*[-–—:]?\s+(?P<answer>\S.*)$")
LONGEST_HEADING = 80


def _one_saying_a_line(lines: Sequence[_Line]) -> list[_Line]:
    """A label with its words on one line, and «Вопрос: … Ответ: …» of one line on two."""
    told: list[_Line] = []
    label = ""
    for line in lines:
        if _LONE_LABEL.match(line.text):
            told += [_Line(line.place, "")] if not told or told[-1].text else []
            label = line.text
            continue
        if label and not line.text:
            continue
        both = _BOTH_LABELS.match(f"{label} {line.text}".strip())
        for text in both.groups() if both else (f"{label} {line.text}".strip(),):
            told.append(_Line(line.place, text, line.is_heading))
        label = ""
    return told


@dataclass
class _Open:
    """The entry being read."""

    place: str
    question: str
    is_heading: bool
    answer: list[str] = field(default_factory=list)


def _read_lines(lines: Sequence[_Line]) -> Reading:
    """Pairs by their labels where there are any, else by question marks and headings; a text may mix both."""
    reading = Reading()
    lines = _one_saying_a_line(lines)
    is_labelled = any(_LABELLED.match(line.text) for line in lines) or (
        any(_SHORT_ASKS.match(line.text) for line in lines) and any(_SHORT_ANSWERS.match(line.text) for line in lines)
    )
    current: _Open | None = None
    after_blank = True
    for number, line in enumerate(lines):
        if not line.text:
            after_blank = True
            if current and current.answer:
                current.answer.append("")
            continue
        following = lines[number + 1].text if number + 1 < len(lines) else ""
        if is_labelled:
            begun = _labelled(line) or _bare(line, following, current, after_blank)
        else:
            begun = _unlabelled(line, following, current, after_blank)
        if begun:
            _close(current, reading)
            current = begun
        elif current is None:
            reading.fail(line.place, f"непонятно, на какой вопрос это ответ: «{_short(line.text)}».")
        else:
            said = _ANSWERS.match(line.text)
            current.answer.append(said["text"] if said else line.text)
        after_blank = False
    _close(current, reading)
    return reading


def _close(current: _Open | None, reading: Reading) -> None:
    if current is None:
        return
    answer = "\n".join(current.answer).strip()
    if current.is_heading and not answer:
        return  # the title of a page or of a section
    if "\n" not in answer:
        answer = _BULLET.sub("", answer)
    reading.add(Found(current.place, current.question, re.sub(r"\n{3,}", "\n\n", answer)))


def _labelled(line: _Line) -> _Open | None:
    """«Вопрос: …»"""
    said = _ASKS.match(line.text)
    return _Open(line.place, said["text"].strip(), is_heading=False) if said else None


def _bare(line: _Line, following: str, current: _Open | None, after_blank: bool) -> _Open | None:
    """A question or heading amid labelled ones: it stands on a line of its own, apart from the answer before it."""
    text = _NUMBER.sub("", _HEADING.sub("", line.text)).strip("* ")
    if not text or (current and not any(current.answer) and not current.is_heading):
        return None  # the label's own question waits for its answer
    if line.is_heading or _HEADING.match(line.text):
        return _Open(line.place, text.rstrip(":"), is_heading=True)
    is_apart = after_blank or _ANSWERS.match(following) is not None
    if is_apart and text.endswith("?") and len(text) <= LONGEST_QUESTION and not _ANSWERS.match(line.text):
        return _Open(line.place, text, is_heading=False)
    return None


def _unlabelled(line: _Line, following: str, current: _Open | None, after_blank: bool) -> _Open | None:
    """A question by its mark, a heading by its style or its look; None: the line goes on with the answer."""
    text = _NUMBER.sub("", _HEADING.sub("", line.text)).strip("* ")
    if not text:
        return None
    if text.endswith("?") and len(text) <= LONGEST_QUESTION + 50:
        return _Open(line.place, text, is_heading=False)
    if line.is_heading or _HEADING.match(line.text):
        return _Open(line.place, text.rstrip(":"), is_heading=True)
    starts = after_blank or current is None or _NUMBER.match(line.text)
    if starts and (both := _ONE_LINE.match(text)):
        return _Open(line.place, both["question"], is_heading=False, answer=[both["answer"]])
    waits = current is not None and not current.answer and not current.is_heading
    if after_blank and not waits and following and _looks_like_heading(text):
        return _Open(line.place, text.rstrip(":"), is_heading=True)
    return None


def _looks_like_heading(text: str) -> bool:
    return len(text) <= LONGEST_HEADING and text[-1] not in ".!;," and text[0].isupper() and not _ANSWERS.match(text)


# --- A page -----------------------------------------------------------------------------------------------------------

_TAG = re.compile(
    r"<(?:!doctype|html|body|div|p|br|h[1-6]|dt|dd|li|ul|table|tr|td|section|article|main|summary|details|span|strong|b)\b"
    r"[^<>]*>",
    re.IGNORECASE,
)
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6", "dt", "summary"])
_BLOCKS = _HEADINGS | frozenset(
    [
        "p",
        "div",
        "br",
        "hr",
        "li",
        "ul",
        "ol",
        "dl",
        "dd",
        "table",
        "tr",
        "td",
        "th",
        "section",
        "article",
        "main",
        "aside",
    ]
    + ["header", "details", "button", "label", "blockquote"]
)
_SILENT = frozenset(["script", "style", "template", "noscript", "svg", "head", "nav", "footer", "select"])


class _Page(HTMLParser):
    """A page's visible text; its headings marked with #."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "body" and self._silent == ["head"]:
            self._silent.clear()  # a page may leave its head unclosed
        if tag in _SILENT:
            self._silent.append(tag)
        elif tag in _BLOCKS:
            self.parts.append("\n\n# " if tag in _HEADINGS else "\n")

    def handle_endtag(self, tag: str) -> None:
        if self._silent and self._silent[-1] == tag:
            self._silent.pop()
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def _page_text(page: str) -> str:
    parser = _Page()
    parser.feed(page)
    parser.close()
    lines = (line.strip() for line in "".join(parser.parts).splitlines())
    return "\n".join(line for line in lines if line != "#")


# --- Tables -----------------------------------------------------------------------------------------------------------

_COLUMNS = {
    "question": ("вопрос", "вопросы", "тема", "question"),
    "answer": ("ответ", "ответы", "answer"),
    "synonyms": ("синонимы", "другие формулировки", "как ещё спрашивают", "как еще спрашивают", "варианты", "synonyms"),
    "kind": ("вид", "тип", "kind"),
}
_KINDS = {**{value: value for value in Kind.values}, **{label.lower(): value for value, label in Kind.choices}}
_KINDS |= {"вопрос": Kind.FAQ, "правила": Kind.RULE, "цена": Kind.PRICE_NOTE, "цены": Kind.PRICE_NOTE}

Row = tuple[str, list[str]]  # where it stands, its cells


def _read_rows(rows: Iterable[Row]) -> Reading:
    """Entries of a table. A header names the columns; without one: question, answer, other wordings, kind."""
    reading = Reading()
    columns: dict[str, int] | None = None
    for number, (place, cells) in enumerate(rows):
        if number >= MOST_ROWS:
            raise Unreadable(f"В таблице больше {MOST_ROWS} строк. Разделите её на части.")
        cells = [_clean_cell(cell) for cell in cells]
        if not any(cells):
            continue
        if named := _header(cells):
            columns = named
            continue
        columns = columns or {"question": 0, "answer": 1, "synonyms": 2, "kind": 3}
        _add_row(reading, place, {name: cells[at] if at < len(cells) else "" for name, at in columns.items()})
    return reading


def _clean_cell(cell: str) -> str:
    return "\n".join(filter(None, (_clean(line) for line in cell.splitlines())))


def _header(cells: list[str]) -> dict[str, int] | None:
    named = {
        name: at
        for name, titles in _COLUMNS.items()
        for at, cell in enumerate(cells)
        if cell.lower().strip(": ") in titles
    }
    return named if {"question", "answer"} <= named.keys() else None


def _add_row(reading: Reading, place: str, told: dict[str, str]) -> None:
    kind = told.get("kind", "").lower()
    if kind and kind not in _KINDS:
        reading.fail(place, f"вид «{_short(kind)}» неизвестен; есть: {', '.join(map(str, Kind.labels))}.")
        return
    synonyms = tuple(dict.fromkeys(one.strip() for one in re.split(r"[;\n|]", told.get("synonyms", "")) if one.strip()))
    question = " ".join(told["question"].split())
    reading.add(Found(place, question, told["answer"], synonyms, str(_KINDS.get(kind, ""))))


def _csv_rows(text: str) -> Iterator[Row]:
    if len(text) > LARGEST_FILE:
        raise Unreadable("Файл слишком большой.")
    first = text.split("\n", 1)[0]
    delimiter = max(";\t,", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    before = 0
    try:
        for cells in reader:
            yield f"Строка {before + 1}", cells
            before = reader.line_num
    except csv.Error:
        raise Unreadable(f"Строка {before + 1} не читается как CSV.") from None


def _xlsx_rows(content: bytes) -> Iterator[Row]:
    from openpyxl import load_workbook

    _check_archive(content, "xl/workbook.xml")
    try:
        book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        rows = [
            (f"Лист «{sheet.title}», строка {number}" if len(sheets) > 1 else f"Строка {number}", row)
            for sheet in sheets
            for number, row in enumerate(sheet.iter_rows(values_only=True, max_row=MOST_ROWS + 1, max_col=12), 1)
        ]
    except Exception as error:  # the library raises whatever a broken file meets
        raise Unreadable("Файл XLSX повреждён или защищён паролем.") from error
    for place, row in rows:
        yield place, ["" if cell is None else str(cell) for cell in row]


def read_table(name: str, content: bytes) -> Iterator[Row]:
    """The rows of a CSV or XLSX file as they stand. Raises Unreadable, also while they are read."""
    return _xlsx_rows(content) if name.lower().endswith(".xlsx") else _csv_rows(decoded(content))


def _read_docx(content: bytes) -> Reading:
    """Paragraphs as lines, headings by their style; tables of two columns and more as rows."""
    from docx import Document
    from docx.table import Table

    _check_archive(content, "word/document.xml")
    lines: list[_Line] = []
    rows: list[Row] = []
    try:
        for number, block in enumerate(Document(io.BytesIO(content)).iter_inner_content(), 1):
            if isinstance(block, Table):
                rows += [
                    (f"Таблица (абзац {number}), строка {at}", _cells(row)) for at, row in enumerate(block.rows, 1)
                ]
                continue
            is_heading = (
                (block.style.name or "").startswith(("Heading", "Title", "Заголовок")) if block.style else False
            )
            parts = [_clean(part) for part in block.text.splitlines()] or [""]
            lines += [_Line(f"Абзац {number}", part, is_heading) for part in parts]
    except Exception as error:  # as above
        raise Unreadable("Файл DOCX повреждён или защищён паролем.") from error
    if sum(len(line.text) for line in lines) > LONGEST_TEXT:
        raise Unreadable("Текст длиннее 200 000 знаков. Разделите его на части.")
    told, tables = _read_lines(lines), _read_rows(rows)
    return Reading([*told.entries, *tables.entries], [*told.errors, *tables.errors])


def _cells(row: Any) -> list[str]:
    """Texts of a row; a cell that is merged over several columns is told once."""
    told = []
    before = None
    for cell in row.cells:
        told.append("" if cell._tc is before else cell.text)
        before = cell._tc
    return told


def _check_archive(content: bytes, needed: str) -> None:
    """Refuses what is no such document, and what would unpack to more than we read. Raises Unreadable."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
    except zipfile.BadZipFile:
        raise Unreadable("Файл повреждён, защищён паролем или это другой вид файла.") from None
    if needed not in {part.filename for part in parts}:
        raise Unreadable("Внутри файла не то, что обещает его название.")
    if len(parts) > 2000 or sum(part.file_size for part in parts) > LARGEST_UNPACKED:
        raise Unreadable("Внутри файла слишком много данных.")
