"""What is kept for the search of the knowledge base: true to the words at every moment, and read a little at a time."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from django.db import connection
from django.test.utils import CaptureQueriesContext

from assistant import knowledge, knowledge_index
from assistant.models import KnowledgeEntry
from tests.world import Business

HERE = Path(__file__).parent
PACKS = HERE.parents[1] / "agency" / "packs" / "trades"
ASKED = yaml.safe_load((HERE / "data" / "knowledge.yaml").read_text())
ASKED_OF_PACKS = yaml.safe_load((HERE / "data" / "knowledge_packs.yaml").read_text())


@pytest.fixture
def empty(salon: Business) -> Business:
    KnowledgeEntry.objects.all().delete()
    return salon


def load(entries: list[dict]) -> None:
    KnowledgeEntry.objects.bulk_create(KnowledgeEntry(**entry) for entry in entries)


@pytest.mark.parametrize("trade", ASKED_OF_PACKS)
def test_questions_of_clients_find_the_answers_of_a_pack(empty: Business, trade: str):
    pack = yaml.safe_load((PACKS / f"{trade}.yaml").read_text())["knowledge"]
    load([{"question": entry["question"], "answer": entry["answer"]} for entry in pack])
    knowledge_index.index_new()
    questions = dict(KnowledgeEntry.objects.values_list("pk", "question"))
    told = ASKED_OF_PACKS[trade]

    found = {text: (quote := knowledge.find(text)) and questions[quote.id] for text, _ in told["right"]}
    guessed = {text: questions[quote.id] for text in told["none"] if (quote := knowledge.find(text))}

    right = [text for text, question in told["right"] if (found[text] or "").startswith(question)]
    assert guessed == {}
    assert len(right) >= 0.92 * len(told["right"]), {text: found[text] for text in found if text not in right}


def test_the_index_finds_what_the_words_themselves_find(empty: Business):
    load(list(ASKED["entries"].values()))
    texts = [*(text for text, _ in ASKED["right"]), *ASKED["none"]]
    before = [knowledge.find(text) for text in texts]

    assert knowledge_index.index_new() == len(ASKED["entries"])
    knowledge.forget()

    assert [knowledge.find(text) for text in texts] == before
    assert knowledge_index.index_new() == 0


@pytest.mark.parametrize("change", ["saved", "updated", "saved some fields"])
def test_changed_words_are_found_at_once_and_the_old_ones_no_more(empty: Business, change: str):
    entry = KnowledgeEntry.objects.create(question="Есть ли парковка?", answer="Во дворе.")
    knowledge_index.index_new()
    if change == "updated":
        KnowledgeEntry.objects.filter(pk=entry.pk).update(question="Есть ли лифт?")
    else:
        entry.refresh_from_db()
        entry.question = "Есть ли лифт?"
        entry.save(**({"update_fields": ["question"]} if change == "saved some fields" else {}))

    for _ in range(2):  # before the index is made again, and after
        assert knowledge.find("лифт есть?").id == entry.pk
        assert knowledge.find("парковка есть?") is None
        knowledge_index.index_new()


def test_a_change_of_other_fields_leaves_the_index_be(empty: Business):
    entry = KnowledgeEntry.objects.create(question="Есть ли парковка?", answer="Во дворе.")
    knowledge_index.index_new()

    KnowledgeEntry.objects.update(position=7)
    entry.is_active = True
    entry.save(update_fields=["is_active"])

    assert knowledge_index.index_new() == 0


def test_the_index_is_owed_and_made_by_itself(empty: Business):
    load([{"question": "Есть ли парковка?", "answer": "Во дворе."}])

    empty.clock.settle()

    assert not KnowledgeEntry.objects.filter(stems__isnull=True).exists()


def test_three_thousand_answers_cost_no_more_queries_and_rows_than_thirty(empty: Business):
    nouns = ["массаж", "стрижка", "абонемент", "бассейн", "сауна", "тренер", "курс", "группа", "зал", "шкафчик"]
    kept = knowledge.MOST_CANDIDATES
    costs = []
    for count in (30, 3000):
        KnowledgeEntry.objects.all().delete()
        load(
            [
                {"question": f"Про {nouns[n % 10]} и {nouns[n // 10 % 10]} номер {n}?", "answer": f"Скажет {n}."}
                for n in range(count)
            ]
        )
        load([{"question": "Есть ли парковка?", "answer": "Во дворе."}])
        knowledge_index.index_new()
        knowledge.find("массаж парковка")  # stems are known from here on
        with CaptureQueriesContext(connection) as queries:
            found = knowledge.find("парковка есть?")
        assert found is not None
        costs.append(len(queries))
        with connection.cursor() as cursor:
            cursor.execute(knowledge._FOUND, ["'массаж' | 'стрижк'", knowledge.WEIGHTS, "'массаж'", kept, []])
            assert len(cursor.fetchall()) <= kept
    assert costs[0] == costs[1] <= 8


def test_the_index_is_used_where_there_are_many(empty: Business):
    load([{"question": f"Вопрос слово{n} тема{n}?", "answer": f"Ответ {n}."} for n in range(3000)])
    knowledge_index.index_new()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE assistant_knowledgeentry")
        cursor.execute("EXPLAIN " + knowledge._FOUND, ["'парковк'", knowledge.WEIGHTS, "'парковк'", 60, []])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "knowledge_searched" in plan
    assert "Seq Scan on assistant_knowledgeentry" not in plan
