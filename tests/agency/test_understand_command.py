"""`manage.py understand`: lines in, meanings out, bad lines told and passed over."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command


@pytest.fixture
def run(tmp_path):
    def run(*lines: bytes | dict) -> tuple[list[dict], str]:
        source, target, complaints = tmp_path / "in.jsonl", tmp_path / "out.jsonl", StringIO()
        raw = [line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode() for line in lines]
        source.write_bytes(b"\n".join(raw))
        call_command("understand", input=str(source), output=str(target), stderr=complaints)
        return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()], complaints.getvalue()

    return run


def task(**changes) -> dict:
    return {
        "id": "a1",
        "text": "маникюр завтра в 5",
        "now": "2026-11-24T10:40",
        "city": "Уфа",
        "trade": "salon",
        **changes,
    }


def test_a_message_is_written_with_its_id_and_slots(run):
    (answer,), complaints = run(task())
    assert complaints == ""
    assert answer["id"] == "a1"
    assert answer["intent"] == "booking"
    assert answer["slots"]["datetime"][0]["start"] == "2026-11-25T17:00"
    assert answer["slots"]["service"][0]["service_id"] is not None
    assert set(answer) == {
        *("id", "intent", "intents", "confidence", "urgency", "price_sensitive", "emotion", "is_spam", "reasons"),
        "slots",
    }
    assert list(answer["slots"]) == ["service", "datetime", "phone", "name", "geo", "promo"]
    assert answer["slots"]["phone"] == []


@pytest.mark.parametrize(
    "city", ["ufa", "Уфа", "omsk", "Омск", "nizhny", "Нижний Новгород", "krasnoyarsk", "Красноярск"]
)
def test_cities_by_key_and_by_name(run, city):
    (answer,), _ = run(task(city=city))
    assert "error" not in answer


def test_bad_lines_are_told_and_the_others_go_on(run):
    answers, complaints = run(
        task(id=1),
        b"{not json",
        b"\xff\xfe\xff",
        task(id=4, trade="bakery"),
        {"id": 5, "text": "привет"},
        task(id=6, now="yesterday"),
        task(id=7, text=None),
        b"[1, 2]",
        task(id=9),
    )
    assert [answer["id"] for answer in answers] == [1, None, None, 4, 5, 6, 7, None, 9]
    assert ["error" in answer for answer in answers] == [False, True, True, True, True, True, True, True, False]
    for number in (2, 3, 4, 5, 6, 7, 8):
        assert f"line {number}:" in complaints
    assert "bakery" in answers[3]["error"]


def test_missing_input_is_a_clear_error(tmp_path):
    with pytest.raises(CommandError, match="cannot read"):
        call_command("understand", input=str(tmp_path / "no.jsonl"), output=str(tmp_path / "out.jsonl"))
