"""The push stand-in refuses what real services refuse."""

from __future__ import annotations

import os
import time

import httpx
import pytest
from py_vapid import Vapid02


@pytest.fixture
def service(sandbox_process):
    sandbox_process.reset("push")
    sandbox_process.clear_faults()
    sandbox_process.post("push", name="phone")
    return sandbox_process


@pytest.fixture
def vapid():
    key = Vapid02()
    key.generate_keys()
    return key


BODY = os.urandom(16) + (4096).to_bytes(4, "big") + bytes([65, 4]) + os.urandom(64) + os.urandom(40)


def push(service, vapid, *, name="phone", claims=None, body=BODY, **headers):
    told = {"aud": service.url, "sub": "mailto:ops@example.ru", "exp": int(time.time()) + 3600} | (claims or {})
    said = {"TTL": "60", "Content-Encoding": "aes128gcm", **vapid.sign(told)} | headers
    sent = {key: value for key, value in said.items() if value}
    return httpx.post(f"{service.url}/push/{name}", content=body, headers=sent, trust_env=False).status_code


def test_good_message_is_kept_and_one_of_a_topic_replaces_the_last(service, vapid):
    assert push(service, vapid, Topic="lead-5") == 201
    assert push(service, vapid, Topic="lead-5", TTL="0", Urgency="high") == 201
    (row,) = service.pushed("phone")
    assert (row["ttl"], row["urgency"], row["topic"]) == (0, "high", "lead-5")


@pytest.mark.parametrize(
    ("wrong", "status"),
    [
        ({"name": "nobody"}, 404),
        ({"claims": {"aud": "https://other.example"}}, 403),
        ({"claims": {"exp": int(time.time()) - 5}}, 403),
        ({"claims": {"exp": int(time.time()) + 90_000}}, 403),
        ({"Authorization": ""}, 401),
        ({"TTL": ""}, 400),
        ({"Urgency": "now"}, 400),
        ({"Topic": "with space"}, 400),
        ({"Content-Encoding": "aesgcm"}, 415),
        ({"body": b"plain words" * 20}, 400),
        ({"body": BODY + b"x" * 4096}, 413),
    ],
)
def test_wrong_message_is_refused(service, vapid, wrong, status):
    assert push(service, vapid, **wrong) == status
    assert service.pushed("phone") == []


def test_left_browser_and_another_key_are_refused(service, vapid):
    service.post("push", name="phone", key="BAnotherKey")
    assert push(service, vapid) == 403
    service.post("push", name="phone", key="", gone=True)
    assert push(service, vapid) == 410
