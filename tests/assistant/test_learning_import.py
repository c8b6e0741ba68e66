"""Marked messages and dialogues out of files, and the owner's page of learning."""

from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as Browser

from assistant.knowledge_import import Unreadable
from assistant.learning import versions
from assistant.learning.examples import Masker, suggest_entry
from assistant.learning.importing import read_file
from assistant.models import KnowledgeEntry, ModelVersion, TrainingExample
from assistant.training.examples import Example
from leadhub.work.models import DueWork
from tests.world import Business

PAGE, IMPORT, ACT = (
    "admin/assistant/modelversion/",
    "admin/assistant/trainingexample/import/",
    "admin/assistant/modelversion/do/",
)
TABLE = """Сообщение;Намерение;Ещё намерения;Срочно;Важна цена;Настроение;Понято;Ответ;Верно;Правильный ответ
слезаем со стола;отмена;;;;;запись;;;
Почем шуба?;Вопрос о цене;запись;;да;;;"От 3000 ₽";да;
Зуб болит, 8 917 123-45-67 Ирина;запись;;да;;недоволен;;;;
А парковка есть?;консультация;;;;;;Не знаю;нет;Да, во дворе
;;;;;;;;;
"""


def plain(text: str) -> str:
    return text


def read(name: str, text: str, encoding: str = "utf-8") -> Any:
    return read_file(name, text.encode(encoding), plain)


# --- Files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251"])
def test_a_table_is_read_with_all_it_says(encoding: str):
    if encoding == "cp1251":
        table = TABLE.replace("₽", "руб")
    else:
        table = TABLE
    reading = read("a.csv", table, encoding)

    assert reading.errors == []
    first, price, _price_reply, pain, parking, parking_reply = reading.examples
    assert (first.text, first.meaning.intent, first.told, first.is_right) == (
        "слезаем со стола",
        "cancel",
        "booking",
        False,
    )
    assert (price.meaning.also, price.meaning.price_sensitive, price.is_right) == (("booking",), True, True)
    assert (_price_reply.text, _price_reply.meaning, _price_reply.is_right) == ("Почем шуба?", None, True)
    assert (pain.meaning.urgency, pain.meaning.emotion) == ("high", "angry")
    assert parking.meaning.intent == "consultation"
    assert (parking_reply.reply, parking_reply.right_reply, parking_reply.is_right) == (
        "Не знаю",
        "Да, во дворе",
        False,
    )


def test_an_xlsx_is_read_as_a_csv():
    from openpyxl import Workbook

    book, file = Workbook(), io.BytesIO()
    for row in ("Сообщение", "Намерение"), ("слезаем со стола", "отмена"), ("почем шуба", "цена"):
        book.active.append(row)
    book.save(file)

    found = read_file("a.xlsx", file.getvalue(), plain).examples

    assert [(each.place, each.text, each.meaning.intent) for each in found] == [
        ("Строка 2", "слезаем со стола", "cancel"),
        ("Строка 3", "почем шуба", "price_question"),
    ]


def test_a_table_without_a_header_is_message_and_intent():
    found = read("a.csv", "слезаем со стола;отмена\n").examples
    assert [(each.text, each.meaning.intent) for each in found] == [("слезаем со стола", "cancel")]


def test_dialogues_turn_by_turn():
    rows = [
        "Диалог;Кто;Сообщение;Намерение;Верно;Правильный ответ",
        "1;клиент;Есть стол на субботу?;запись;;",
        "2;клиент;Стоянка у вас есть?;;;",
        "1;ассистент;Да, в 12:00;;да;",
        "2;ассистент;Не знаю;;нет;Да, во дворе",
    ]
    found = read("a.csv", "\n".join(rows)).examples

    assert [(each.text, each.reply, each.is_right) for each in found] == [
        ("Есть стол на субботу?", "", True),
        ("Есть стол на субботу?", "Да, в 12:00", True),
        ("Стоянка у вас есть?", "Не знаю", False),
    ]


def test_jsonl_of_messages_and_dialogues():
    lines = [
        {"text": "слезаем", "intents": ["cancel", "complaint"], "urgency": "high", "emotion": "angry"},
        {"messages": [
            {"author": "client", "text": "почем шуба", "intent": "price_question"},
            {"author": "assistant", "text": "Не знаю", "right": False, "right_reply": "3000 ₽"},
        ]},
    ]  # fmt: skip
    reading = read("a.jsonl", "\n".join(json.dumps(line, ensure_ascii=False) for line in lines))

    assert reading.errors == []
    one, two, reply = reading.examples
    assert (one.meaning.intent, one.meaning.also, one.meaning.urgency) == ("cancel", ("complaint",), "high")
    assert (two.place, two.meaning.intent) == ("Строка 2, реплика 1", "price_question")
    assert (reply.text, reply.right_reply, reply.is_right) == ("почем шуба", "3000 ₽", False)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("слезаем;лотерея;;;", "Строка 2: намерение «лотерея» неизвестно; есть: запись, отмена"),
        (";отмена;;;", "Строка 2: нет сообщения."),
        ("слезаем;;;;", "Строка 2: не указано намерение: «слезаем»."),
        ("слезаем;отмена;возможно;;", "Строка 2: в столбце «срочно» стоит «возможно»; подойдут «да» и «нет»."),
        ("слезаем;отмена;;грустный;", "Строка 2: настроение «грустный» неизвестно"),
        ("слезаем;отмена;;;охранник", "Строка 2: непонятно, кто это: «охранник»"),
        ("я" * 2001 + ";отмена;;;", "Строка 2: текст длиннее 2000 знаков"),
    ],
)
def test_errors_are_told_by_line_and_the_rest_is_kept(row: str, why: str):
    reading = read("a.csv", f"Сообщение;Намерение;Срочно;Настроение;Кто\n{row}\nпочем шуба;цена;;;\n")

    assert [why in error for error in reading.errors] == [True]
    assert [each.text for each in reading.examples] == ["почем шуба"]


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.exe", b"MZ", "не читается"),
        ("a.csv", b"  \n ", "пустой"),
        ("a.csv", b"x" * (2 * 1024 * 1024 + 1), "больше 2 МБ"),
        ("a.xlsx", b"PK no archive", "повреждён"),
        ("a.csv", "\n".join(f"слово {number};отмена" for number in range(601)).encode(), "не больше 600"),
        ("a.csv", "\n".join(f"слово {number};отмена" for number in range(2001)).encode(), "больше 2000 строк"),
    ],
)
def test_what_cannot_be_taken_whole_is_refused(name: str, content: bytes, why: str):
    with pytest.raises(Unreadable, match=why):
        read_file(name, content, plain)


@pytest.mark.parametrize("line", ["{", "[1]", '{"messages": 5}', '{"messages": [1]}', "[" * 100_000])
def test_lines_that_are_no_objects_are_told(line: str):
    reading = read("a.jsonl", f'{line}\n{{"text": "слезаем", "intent": "cancel"}}\n')
    assert len(reading.errors) == 1
    assert reading.errors[0].startswith("Строка 1")
    assert len(reading.examples) == 1


# --- The owner's page ------------------------------------------------------------------------------------------------


@pytest.fixture
def owner(salon: Business) -> Browser:
    return salon.browser("viktor")


def preview(browser: Browser, salon: Business, text: str = TABLE, name: str = "a.csv") -> str:
    file = SimpleUploadedFile(name, text.encode())
    return browser.post(salon.url(IMPORT), {"file": file}).content.decode()


def sealed(page: str) -> str:
    return re.search(r'name="examples" value="([^"]+)"', page)[1]


def load(browser: Browser, salon: Business, text: str = TABLE) -> str:
    form = {"examples": sealed(preview(browser, salon, text))}
    return browser.post(salon.url(IMPORT), form, follow=True).content.decode()


def test_a_file_is_shown_without_people_and_then_kept(salon: Business, owner: Browser):
    page = preview(owner, salon)
    assert "Новых: 6. Повторов: 0. Ошибок: 0." in page
    assert "917" not in page
    assert "Зуб болит, [ТЕЛЕФОН_1] [ИМЯ_1]" in page
    assert not TrainingExample.objects.exists()

    done = load(owner, salon)

    assert "Добавлено примеров: 6." in done
    assert TrainingExample.objects.filter(source="import", by="Виктор").count() == 6
    assert "917" not in str(list(TrainingExample.objects.values()))
    assert "Новых: 0. Повторов: 6." in preview(owner, salon)


def test_a_changed_or_foreign_preview_is_refused(salon: Business, neighbour: Business, owner: Browser):
    examples = sealed(preview(owner, salon))

    done = owner.post(salon.url(IMPORT), {"examples": examples[:-2] + "xx"}, follow=True)
    assert "Предпросмотр устарел" in done.content.decode()
    stranger = neighbour.browser("viktor")
    stranger.post(neighbour.url(IMPORT), {"examples": examples})

    assert stranger.get(salon.url(PAGE)).status_code == 404
    assert not TrainingExample.objects.exists()
    with neighbour.inside():
        assert not TrainingExample.objects.exists()


def test_who_may_teach(salon: Business, owner: Browser):
    load(owner, salon)
    for who in ("anna", "mila"):
        browser = salon.browser(who)
        assert browser.get(salon.url(PAGE)).status_code in (302, 403, 404)
        assert browser.get(salon.url(IMPORT)).status_code in (302, 403, 404)
        assert browser.post(salon.url(ACT), {"what": "train"}).status_code in (302, 403, 404)
    assert not ModelVersion.objects.exists()
    assert salon.browser("svetlana").get(salon.url(PAGE)).status_code == 200
    assert owner.get(salon.url(ACT)).status_code == 403


def test_too_few_examples_are_told(salon: Business, owner: Browser):
    load(owner, salon)

    done = owner.post(salon.url(ACT), {"what": "train"}, follow=True).content.decode()

    assert "нужно хотя бы 20" in done
    assert not ModelVersion.objects.exists()


def test_progress_survives_a_reload_and_a_second_click_starts_nothing(salon: Business, owner: Browser, monkeypatch):
    many_examples(salon, owner)
    owner.post(salon.url(ACT), {"what": "train"})
    version = ModelVersion.objects.get()
    assert DueWork.objects.get(handler="assistant.train").queue == "bulk"

    again = owner.post(salon.url(ACT), {"what": "train"}, follow=True).content.decode()
    assert "Обучение уже идёт." in again
    ModelVersion.objects.update(stage="повторяет общие тексты", percent=37)
    page = owner.get(salon.url(PAGE)).content.decode()
    state = owner.get(salon.url(PAGE) + "state/").content.decode()
    assert ModelVersion.objects.count() == 1
    for shown in (page, state):
        assert "обучается: 37 %" in shown
        assert "data-training" in shown
        assert "повторяет общие тексты" in shown

    monkeypatch.setattr(versions, "_fitted", broken)
    salon.clock.settle()
    version.refresh_from_db()
    assert (version.status, version.stage) == ("failed", "")
    page = owner.get(salon.url(PAGE)).content.decode()
    assert "Обучение прервалось" in page
    assert "data-training" not in page
    owner.post(salon.url(ACT), {"what": "train"})
    assert ModelVersion.objects.filter(status="training").count() == 1


def test_publishing_taking_back_and_bringing_back(salon: Business, owner: Browser):
    from assistant import model as weights

    base = weights.shipped().fingerprint
    now = salon.clock.now()
    drafts = [
        ModelVersion.objects.create(
            number=number, status="draft", base=base, compared_with=number - 1, by="Виктор", started_at=now,
            weights=b"x", measures={"own": [FIGURES, FIGURES], "common": [FIGURES, FIGURES]},
        )
        for number in (1, 2, 3)
    ]  # fmt: skip

    def act(what: str, version: ModelVersion | None = None) -> str:
        salon.clock.tick(seconds=1)
        form = {"what": what, "version": version.pk if version else ""}
        return owner.post(salon.url(ACT), form, follow=True).content.decode()

    def in_use() -> int:
        found = versions.in_use()
        return found.number if found else 0

    assert "Обучите заново, чтобы сравнить" in act("publish", drafts[1])  # compared with another one
    assert "Версия 1 работает" in act("publish", drafts[0])
    act("publish", drafts[1])
    assert in_use() == 2
    assert "Версия 1 снова работает" in act("roll_back")
    assert in_use() == 1
    assert "Работает общая версия" in act("roll_back")
    assert in_use() == 0
    assert "Версия 2 снова работает" in act("bring_back", drafts[1])
    act("publish", drafts[2])
    assert in_use() == 3
    ModelVersion.objects.update(base="another")
    assert "обучена на прежней основе" in owner.get(salon.url(PAGE)).content.decode()
    assert "обучена на прежней основе" in act("bring_back", drafts[1])


def test_a_right_reply_becomes_a_draft_of_the_knowledge_base(salon: Business, owner: Browser):
    load(owner, salon)
    KnowledgeEntry.objects.all().delete()
    example = TrainingExample.objects.get(right_reply="Да, во дворе")
    assert "Да, во дворе" in owner.get(salon.url(PAGE)).content.decode()

    done = owner.post(salon.url(ACT), {"what": "keep", "example": example.pk}, follow=True)

    entry = KnowledgeEntry.objects.get()
    assert (entry.question, entry.answer, entry.is_active) == ("А парковка есть?", "Да, во дворе", False)
    assert "Черновик в базе ответов" in done.content.decode()
    assert done.redirect_chain[-1][0].endswith(f"/knowledgeentry/{entry.pk}/change/")
    assert ">В базу ответов<" not in owner.get(salon.url(PAGE)).content.decode()  # it is there
    example.refresh_from_db()
    assert suggest_entry(example) == entry
    entry.delete()
    example.refresh_from_db()
    assert example.entry is None


def test_the_owner_corrects_an_example(salon: Business, owner: Browser):
    load(owner, salon)
    example = TrainingExample.objects.get(text="слезаем со стола")
    url = salon.url(f"admin/assistant/trainingexample/{example.pk}/change/")
    assert owner.get(url).status_code == 200

    form = {"intent": "booking", "also": ["cancel"], "urgency": "high", "emotion": "neutral"}
    owner.post(url, form)

    example.refresh_from_db()
    assert (example.intent, example.also, example.urgency, example.is_right) == ("booking", ["cancel"], "high", True)
    listed = owner.get(salon.url("admin/assistant/trainingexample/")).content.decode()
    assert "слезаем со стола" in listed
    owner.post(salon.url(f"admin/assistant/trainingexample/{example.pk}/delete/"), {"post": "yes"})
    assert not TrainingExample.objects.filter(pk=example.pk).exists()


def test_a_masked_text_is_read_as_if_it_were_whole(salon: Business):
    from assistant.learning.examples import unmasked
    from assistant.training.fitting import signs_of

    text = "Ирина, 8 917 123-45-67, слезаем со стола"
    masked = Masker(["Ирина"]).mask(text)

    assert masked == "[ИМЯ_1], [ТЕЛЕФОН_1], слезаем со стола"
    signs = signs_of(Example(unmasked(masked), ("cancel",)))
    assert signs["rules"] == signs_of(Example(text, ("cancel",)))["rules"]


FIGURES = {"count": 10, "right": 8, "share": 0.8, "chance": 0.6, "labels": 0.9, "urgent_recall": 1, "spam_precision": 1}


def many_examples(salon: Business, owner: Browser) -> None:
    load(owner, salon, "\n".join(f"слезаем со стола номер {number};отмена" for number in range(40)))


def broken(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("no weights today")
