"""The webhook as the web server runs it: its own handler, real commits, many at once."""

from __future__ import annotations

import io
import json
from threading import Barrier, Thread

import psycopg
import pytest
from django.db import connection, connections

from channels_app import hooks
from channels_app.models import InboundEvent
from contacts.models import Message
from leadhub.bare import PREFIXES, BareHandler
from leadhub.work.models import DueWork
from tenants.models import HookKey


@pytest.fixture
def server(committed_salon):
    hooks.forget()
    return BareHandler()


def post(server, body: bytes, *, path="/hooks/telegram/vesna-telegram/", length=True, **meta):
    """One request as granian hands it over; (status, answer)."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8000",
        "HTTP_HOST": "localhost:8000",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_X_TELEGRAM_BOT_API_SECRET_TOKEN": "s3cret",
        "CONTENT_TYPE": "application/json",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        **({"CONTENT_LENGTH": str(len(body))} if length else {"HTTP_TRANSFER_ENCODING": "chunked"}),
        **meta,
    }
    seen = []
    content = b"".join(server(environ, lambda status, headers: seen.append((int(status[:3]), dict(headers)))))
    assert seen[0][1]["Content-Length"] == str(len(content))
    return seen[0][0], json.loads(content)


def update(number, text="Здравствуйте"):
    person = {"chat": {"id": 7, "type": "private"}, "from": {"id": 7, "first_name": "Ира"}}
    return json.dumps({"update_id": number, "message": {"message_id": number, "text": text, **person}}).encode()


def test_hooks_are_served_without_middleware():
    assert "/hooks/" in PREFIXES


def test_stored_before_it_is_answered(server):
    assert post(server, update(1)) == (200, {"ok": True})
    with psycopg.connect(**_dsn()) as other, other.cursor() as cursor:  # another connection sees the commit
        cursor.execute("SELECT count(*) FROM t_vesna.channels_app_inboundevent")
        assert cursor.fetchone() == (1,)
        cursor.execute("SELECT count(*) FROM public.due_work WHERE handler = 'inbound'")
        assert cursor.fetchone() == (1,)


def _dsn():
    told = connection.settings_dict
    return {"host": told["HOST"], "port": told["PORT"], "user": told["USER"], "dbname": told["NAME"]}


def test_post_in_chunks(server, settings):
    assert post(server, update(1), length=False)[0] == 200
    settings.WEBHOOK_MAX_BYTES = 100
    assert post(server, b"x" * 101, length=False)[0] == 413
    assert post(server, b"x" * 101)[0] == 413


def test_body_cut_short_is_not_kept(server):
    assert post(server, update(1), CONTENT_LENGTH="5000")[0] == 400
    assert not InboundEvent.objects.exists()


def test_refusals_are_counted(server):
    for _ in range(3):
        assert post(server, update(1), HTTP_X_TELEGRAM_BOT_API_SECRET_TOKEN="guess")[0] == 403
    assert HookKey.objects.get(key="vesna-telegram").refused == 3


def test_deliveries_at_once_are_each_stored_once(server):
    """Six threads post the same fifty updates."""
    start, statuses = Barrier(6), []

    def run():
        start.wait(timeout=20)
        try:
            statuses.extend(post(server, update(number))[0] for number in range(1, 51))
        finally:
            connections.close_all()

    threads = [Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert statuses == [200] * 300
    assert InboundEvent.objects.count() == 50
    assert DueWork.objects.filter(handler="inbound").count() == 50


def test_connections_killed_by_a_restart_cost_one_503_at_most(server):
    assert post(server, update(1))[0] == 200
    with psycopg.connect(**_dsn(), autocommit=True) as other:
        other.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    statuses = [post(server, update(2))[0] for _ in range(3)]  # the provider comes again
    assert statuses[0] in (200, 503)
    assert statuses[1:] == [200, 200]
    with psycopg.connect(**_dsn()) as other, other.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM t_vesna.channels_app_inboundevent")
        assert cursor.fetchone() == (2,)


def test_closed_business_is_unknown(server, committed_salon):
    assert post(server, update(1))[0] == 200
    committed_salon.tenant.closed_at = committed_salon.clock.now()
    committed_salon.tenant.save()
    hooks.forget()
    assert post(server, update(2))[0] == 404


def test_schema_that_went_away_is_503_then_404(server):
    assert post(server, update(1), path="/hooks/telegram/sosed-telegram/")[0] == 200
    with connection.cursor() as cursor:
        cursor.execute("ALTER SCHEMA t_sosed RENAME TO t_gone")
    try:
        assert post(server, update(2), path="/hooks/telegram/sosed-telegram/")[0] == 503
        HookKey.objects.filter(key="sosed-telegram").delete()
        assert post(server, update(2), path="/hooks/telegram/sosed-telegram/")[0] == 404
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER SCHEMA t_gone RENAME TO t_sosed")


def test_no_word_of_it_is_executed(server):
    for number, text in enumerate(
        ["'; DROP SCHEMA t_vesna CASCADE; --", "$(rm -rf /)", "<img src=x onerror=alert(1)>"]
    ):
        assert post(server, update(number + 1, text))[0] == 200
    assert InboundEvent.objects.count() == 3
    assert not Message.objects.exists()
