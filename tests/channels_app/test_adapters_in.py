"""Each kind's real payloads, and what must be understood from them."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import datetime
from pathlib import Path

import pytest

from channels_app import adapters
from channels_app.adapters.base import split_text
from contacts.incoming import Incoming

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*/*.json"))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_payload(path):
    told = json.loads(path.read_text())
    text = told.get("text") or json.dumps(told["body"])
    body = text.encode(told.get("encoding", "utf-8"))
    parsed = adapters.inbound(path.parent.name).parse(body, told.get("content_type", "application/json"))
    assert parsed == [_incoming(wanted) for wanted in told["incoming"]]


def _incoming(wanted: dict) -> Incoming:
    if wanted.get("sent_at"):
        wanted["sent_at"] = datetime.fromisoformat(wanted["sent_at"])
    assert set(wanted) <= {field.name for field in fields(Incoming)}
    return Incoming(**wanted)


@pytest.mark.parametrize("seconds", [None, 0, -5, 10**14, "1795590000", 1.5])
def test_odd_time_is_the_moment_of_receipt(seconds):
    update = {"message_id": 1, "chat": {"type": "private"}, "from": {"id": 1}, "text": "а", "date": seconds}
    (incoming,) = adapters.inbound("telegram").parse(json.dumps({"message": update}).encode(), "")
    assert incoming.sent_at is None


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        ("telegram", b'{"update_id": 7}', "7"),
        ("telegram", b'{"update_id": true}', ""),
        ("telegram", b'{"update_id": "7"}', ""),
        ("telegram", b"\x00\xff", ""),
        ("telegram", b"[" * 50_000, ""),
        ("webchat", b'{"visitor": "\\ud83d", "client_key": "\\u0000"}', None),
        ("form", b"tranid=1%3A2", None),
        ("form", b"phone=1", ""),
        ("form", b"{", ""),
    ],
)
def test_event_key_never_fails(kind, body, key):
    told = adapters.inbound(kind).event_key({}, body)
    assert told == key if key is not None else len(told) == 64


def test_long_text_is_cut_between_words_and_nothing_is_lost():
    text = " ".join(f"слово{n}" for n in range(2000))
    parts = split_text(text, 4096)
    assert all(0 < len(part) <= 4096 for part in parts)
    assert " ".join(parts) == text
    assert [len(part) for part in split_text("я" * 9000, 4096)] == [4096, 4096, 808]
    assert split_text("", 10) == [""]
