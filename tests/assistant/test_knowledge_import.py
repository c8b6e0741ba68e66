"""What is read out of an owner's texts and files, and what an owner is told about the rest."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import pytest
from docx import Document
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook

from assistant.knowledge_import import Reading, Unreadable, mark_repeated, read_file, read_text


def pairs(reading: Reading) -> list[tuple[str, str]]:
    return [(found.question, found.answer) for found in reading.entries]


def xlsx(*rows: list[object], second: list[list[object]] | None = None) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    if second:
        sheet = book.create_sheet("Цены")
        for row in second:
            sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "Вопрос: Есть парковка?\nОтвет: Да, во дворе.\nА зимой? Тоже.\n\nВопрос 2: Можно с детьми\nОтвет: Можно.",
            [("Есть парковка?", "Да, во дворе.\nА зимой? Тоже."), ("Можно с детьми", "Можно.")],
        ),
        (
            "1. Есть парковка?\nДа, во дворе.\n\n2) Как оплатить?\nКартой.\n\nИли наличными.",
            [("Есть парковка?", "Да, во дворе."), ("Как оплатить?", "Картой.\n\nИли наличными.")],
        ),
        (
            "# Правила\n\n## Опоздания\nЖдём 15 минут.\n\n## Отмена\nЗа сутки.",
            [("Опоздания", "Ждём 15 минут."), ("Отмена", "За сутки.")],
        ),
        (
            "Парковка\nВо дворе, бесплатно.\n\nОпоздания:\nЖдём 15 минут.",
            [("Парковка", "Во дворе, бесплатно."), ("Опоздания", "Ждём 15 минут.")],
        ),
        (
            "Есть парковка? Да, во дворе.\n\nЕсть кофе? - Есть.",
            [("Есть парковка?", "Да, во дворе."), ("Есть кофе?", "Есть.")],
        ),
        (
            "<html><head><title>Мы</title><script>alert(1)</script></head><body><h1>Вопросы</h1>"
            "<h3>Есть&nbsp;парковка?</h3><p>Да, <b>во дворе</b>.</p><dl><dt>Опоздания</dt><dd>Ждём.</dd></dl></body>",
            [("Есть парковка?", "Да, во дворе."), ("Опоздания", "Ждём.")],
        ),
    ],
)
def test_pairs_are_recognised_in_a_text_and_in_a_page(text: str, expected: list[tuple[str, str]]):
    reading = read_text(text)

    assert pairs(reading) == expected
    assert reading.errors == []


PARKING, COFFEE = ("Есть парковка?", "Да, во дворе."), ("Как оплатить?", "Картой.")


@pytest.mark.parametrize(
    "text",
    [
        "Вопрос: Есть парковка?\nОтвет: Да, во дворе.\n\nКак оплатить?\nКартой.",
        "Есть парковка?\nДа, во дворе.\n\nВопрос: Как оплатить?\nОтвет: Картой.",
        "Вопрос: Есть парковка?\nОтвет: Да, во дворе.\nКак оплатить?\nОтвет: Картой.",
        "В: Есть парковка?\nО: Да, во дворе.\nВ: Как оплатить?\nО: Картой.",
        "Q: Есть парковка?\nA: Да, во дворе.\n\nQ: Как оплатить?\nA: Картой.",
        "Вопрос:\nЕсть парковка?\nОтвет:\nДа, во дворе.\nВопрос:\n\nКак оплатить?\nОтвет:\nКартой.",
        "Вопрос 1. Есть парковка?\n\nОтвет. Да, во дворе.\n\nВопрос 2. Как оплатить?\nОтвет. Картой.",
        "Вопрос: Есть парковка? Ответ: Да, во дворе.\nВопрос: Как оплатить? Ответ: Картой.",
        "**Есть парковка?**\n\nДа, во дворе.\n\n**Как оплатить?**\n\nКартой.",
        "- Есть парковка?\n- Да, во дворе.\n- Как оплатить?\n- Картой.",
        "<button>Есть парковка?</button><div>Да, во дворе.</div><button>Как оплатить?</button><div>Картой.</div>",
        "<table><tr><td>Есть парковка?</td><td>Да, во дворе.</td></tr><tr><td>Как оплатить?</td><td>Картой.</td></tr>",
        "<html><head><title>Салон</title><body><nav><a>Цены</a></nav><h3>Есть парковка?</h3>Да, во дворе.<h3>Как"
        " оплатить?</h3><p>Картой.</p><footer>ООО «Весна»</footer>",
        "<ul><li><strong>Есть парковка?</strong><br>Да, во дворе.</li><li><b>Как оплатить?</b> Картой.</li></ul>",
        "<details><summary>Есть парковка?</summary>Да, во дворе.</details><details><summary>Как оплатить?</summary>"
        "<p>Картой.</p></details>",
    ],
)
def test_one_base_is_read_alike_however_it_was_written(text: str):
    reading = read_text(text)

    assert pairs(reading) == [PARKING, COFFEE]
    assert reading.errors == []


def test_a_question_that_an_answer_asks_back_stays_with_the_answer():
    reading = read_text("Вопрос: Есть парковка?\nОтвет: Да.\nНа сколько вам нужно?\nНапишите нам.")

    assert pairs(reading) == [("Есть парковка?", "Да.\nНа сколько вам нужно?\nНапишите нам.")]


def test_merged_cells_are_told_once():
    document = Document()
    table = document.add_table(rows=3, cols=2)
    for row, texts in zip(table.rows, [["Оплата", ""], ["Вопрос", "Ответ"], ["Кофе?", "Есть"]], strict=True):
        for cell, text in zip(row.cells, texts, strict=True):
            cell.text = text
    table.rows[0].cells[0].merge(table.rows[0].cells[1])
    out = io.BytesIO()
    document.save(out)
    book = Workbook()
    for row in (["Наша база", None], ["Вопрос", "Ответ"], ["Кофе?", "Есть"], [None, "и чай"]):
        book.active.append(row)
    book.active.merge_cells("A1:B1")
    book.active.merge_cells("A3:A4")
    sheet = io.BytesIO()
    book.save(sheet)

    assert pairs(read_file("a.docx", out.getvalue())) == [("Кофе?", "Есть")]
    reading = read_file("a.xlsx", sheet.getvalue())
    assert pairs(reading) == [("Кофе?", "Есть")]
    assert reading.errors == ["Строка 1: нет ответа на вопрос «Наша база».", "Строка 4: нет вопроса."]


def laughs() -> bytes:
    """A small XML that would grow to gigabytes."""
    real = io.BytesIO(xlsx(["Вопрос", "Ответ"], ["Кофе?", "Есть"]))
    entities = '<!ENTITY l0 "ha">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    out = io.BytesIO()
    with zipfile.ZipFile(real) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            body = old.read(name)
            if name == "xl/worksheets/sheet1.xml":
                body = f'<?xml version="1.0"?><!DOCTYPE x [{entities}]><worksheet>&l11;</worksheet>'.encode()
            new.writestr(name, body)
    return out.getvalue()


def test_what_is_not_understood_is_told_by_its_line():
    reading = read_text("Мы лучшие в городе.\n\nЕсть парковка?\n\nЕсть кофе?\nДа.\n" + "Очень " * 50 + "длинный?")

    assert pairs(reading)[0][0] == "Есть кофе?"
    assert reading.errors[:2] == [
        "Строка 1: непонятно, на какой вопрос это ответ: «Мы лучшие в городе.».",
        "Строка 3: нет ответа на вопрос «Есть парковка?».",
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_csv_in_every_usual_spelling(encoding: str, delimiter: str):
    rows = [
        ["Ответ", "Вопрос", "Вид"],
        ["Во дворе", "Парковка?", "правило"],
        ["", "Кофе?", ""],
        ["Да", "Чай?", "сказка"],
    ]
    content = "\r\n".join(delimiter.join(row) for row in rows).encode(encoding)

    reading = read_file("Вопросы.CSV", content)

    assert [(found.place, found.question, found.answer, found.kind) for found in reading.entries] == [
        ("Строка 2", "Парковка?", "Во дворе", "rule")
    ]
    assert reading.errors[0] == "Строка 3: нет ответа на вопрос «Кофе?»."
    assert reading.errors[1].startswith("Строка 4: вид «сказка» неизвестен")


def test_xlsx_with_and_without_a_header_on_two_sheets():
    content = xlsx(
        ["Вопрос", "Ответ", "Другие формулировки"],
        ["Парковка?", "Во дворе", "стоянка; где машину"],
        [None, "Без вопроса"],
        second=[["Вопрос", "Ответ"], ["Сколько мест?", 12]],
    )

    reading = read_file("base.xlsx", content)

    assert pairs(reading) == [("Парковка?", "Во дворе"), ("Сколько мест?", "12")]
    assert reading.entries[0].synonyms == ("стоянка", "где машину")
    assert reading.entries[1].place == "Лист «Цены», строка 2"
    assert reading.errors == ["Лист «Sheet», строка 3: нет вопроса."]


def test_docx_headings_questions_and_tables():
    document = Document()
    document.add_heading("Памятка", 0)
    document.add_heading("Опоздания", 1)
    document.add_paragraph("Ждём 15 минут.")
    document.add_paragraph("Есть парковка?")
    document.add_paragraph("Да, во дворе.")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        [c for row in table.rows for c in row.cells], ["Вопрос", "Ответ", "Кофе?", "Есть"], strict=True
    ):
        cell.text = text
    out = io.BytesIO()
    document.save(out)

    reading = read_file("memo.docx", out.getvalue())

    assert pairs(reading) == [("Опоздания", "Ждём 15 минут."), ("Есть парковка?", "Да, во дворе."), ("Кофе?", "Есть")]
    assert reading.errors == []


def test_repeated_questions_are_marked_with_where_they_stand():
    found = mark_repeated(
        read_text("Есть кофе?\nДа.\n\nЕсть  КОФЕ ?\nНет.\n\nЕсть ещё чай?\nДа.").entries, ["есть еще чай"]
    )

    assert [one.same_as for one in found] == ["", "повтор: строка 1", "уже есть в базе"]


def bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "x")
        archive.writestr("xl/sharedStrings.xml", b"0" * (31 * 1024 * 1024))
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.xlsx", b"PK\x03\x04 broken", "повреждён"),
        ("a.docx", lambda: xlsx(["Вопрос", "Ответ"]), "не то"),
        ("a.xlsx", bomb, "слишком много"),
        ("a.xls", b"\xd0\xcf\x11\xe0", "не читается"),
        ("a.exe", b"MZ", "не читается"),
        ("a.csv", b"", "пустой"),
        ("a.csv", b"\x00\x01\x02", "кодировке"),
        ("a.csv", b"x" * (2 * 1024 * 1024 + 1), "больше 2 МБ"),
        ("a.csv", "Вопрос;Ответ".encode(), "Ни одного"),
        ("a.csv", "\n".join(f"Вопрос {n}?;Да" for n in range(301)).encode(), "не больше 300"),
        ("a.csv", b"a;b\n" * 2001, "больше 2000 строк"),
        ("a.csv", ('"' + "я" * 140_000 + '";да').encode(), "не читается как CSV"),
        ("a.txt", "я".encode() * 200_001, "200 000"),
        ("a.csv", b"a;b\n" * 10_000, "больше 2000 строк"),
        ("a.xlsx", lambda: xlsx(*[[f"Вопрос {n}?", "Да"] for n in range(10_000)]), "больше 2000 строк"),
        ("a.txt", b"x" * (5 * 1024 * 1024), "больше 2 МБ"),
        ("a.txt", b" \n\n ", "Ни одного"),
        ("a.docx", b"", "пустой"),
        ("a.xlsx", laughs, "повреждён"),
    ],
)
def test_what_cannot_be_taken_is_refused_in_plain_words(name: str, content: bytes | Callable[[], bytes], why: str):
    with pytest.raises(Unreadable, match=why):
        read_file(name, content() if callable(content) else content)


def test_marks_nobody_sees_are_dropped():
    assert pairs(read_text("Есть\u200b кофе?\u202e\nДа\x07\x00.")) == [("Есть кофе?", "Да.")]


PIECES = st.sampled_from(
    ["Вопрос:", "Ответ: ", "?", "\n", "\n\n", "# ", "***", "1. ", "<p>", "<script>", "Есть кофе", ";", '"', "\x00"]
)


@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES | st.text(max_size=8), max_size=30).map("".join))
def test_any_text_is_read_or_refused(text: str):
    for read in (lambda: read_text(text), lambda: read_file("a.csv", text.encode("utf-8", "ignore"))):
        try:
            reading = read()
        except Unreadable:
            continue
        assert reading.entries or reading.errors
        assert all(found.question and found.answer and "\x00" not in found.answer for found in reading.entries)
