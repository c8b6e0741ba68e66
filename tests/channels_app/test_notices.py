"""A word to the staff, once; and live events that never stand in the way."""

from __future__ import annotations

import json

import pytest
import redis

from channels_app import live
from channels_app.models import Notice
from channels_app.notices import mark_seen, notify


def test_told_once_a_key_and_person(salon, clock):
    assert notify(salon.anna, "hot_lead", "Горячая заявка", lead_id=5, key="hot-5", now=clock.now())
    assert notify(salon.anna, "hot_lead", "Горячая заявка", lead_id=5, key="hot-5", now=clock.now()) is None
    assert notify(salon.boris, "hot_lead", "Горячая заявка", lead_id=5, key="hot-5", now=clock.now())
    assert Notice.objects.count() == 2


def test_long_text_is_cut_and_long_key_refused(salon, clock):
    assert len(notify(salon.anna, "breach", "я" * 500, key="a", now=clock.now()).text) == 300
    with pytest.raises(ValueError):
        notify(salon.anna, "breach", "я", key="k" * 200, now=clock.now())


def test_seen(salon, clock):
    for lead in (1, 2):
        notify(salon.anna, "hot_lead", "Заявка", lead_id=lead, key=f"hot-{lead}", now=clock.now())
    assert mark_seen(salon.anna, now=clock.now(), lead_id=1) == 1
    assert mark_seen(salon.anna, now=clock.now()) == 1
    assert mark_seen(salon.boris, now=clock.now()) == 0


def test_event_goes_out_after_the_commit_with_ids_alone(salon, clock, settings, django_capture_on_commit_callbacks):
    with redis.Redis.from_url(settings.REDIS_URL) as client, client.pubsub() as channel:
        channel.subscribe(live.CHANNEL)
        assert channel.get_message(timeout=5)["type"] == "subscribe"
        with django_capture_on_commit_callbacks() as waiting:
            notice = notify(salon.anna, "hot_lead", "Ирина ждёт", lead_id=5, key="hot-5", now=clock.now())
        assert channel.get_message(timeout=0) is None
        for callback in waiting:
            callback()
        event = json.loads(channel.get_message(timeout=5)["data"])
    assert event == {"schema": "t_vesna", "kind": "notice", "id": notice.pk, "staff": salon.anna.pk, "lead": 5}


def test_broker_away_fails_nobody(salon, clock, settings, django_capture_on_commit_callbacks):
    settings.REDIS_URL = "unix:///nowhere/valkey.sock"
    live._client.cache_clear()
    with django_capture_on_commit_callbacks(execute=True):
        assert notify(salon.anna, "hot_lead", "Заявка", key="hot-5", now=clock.now())
    live._client.cache_clear()
