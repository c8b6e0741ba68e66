"""What the probes say, and that they ask no more than they should."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from wsgiref.util import setup_testing_defaults

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.urls import get_resolver

from leadhub import health, warming
from leadhub.embedded import services
from leadhub.work import dispatch

PARTS = ["dispatcher", "worker:pipeline", "worker:http", "worker:bulk"]


@pytest.fixture
def get(db: None) -> Iterator[Callable[..., tuple[int, bytes]]]:
    """As a container's health check asks: by address, through the entry that the web server loads."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)  # they would end the test's transaction
    from leadhub.wsgi import application  # warms this process, which asks the database

    def get(path: str, host: str = "10.0.0.7") -> tuple[int, bytes]:
        said: list[str] = []
        environ = {"PATH_INFO": path, "HTTP_HOST": host}
        setup_testing_defaults(environ)
        answer = application(environ, lambda status, headers: said.append(status))
        return int(said[0].split()[0]), b"".join(answer)

    yield get
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


def test_alive_asks_no_database(get, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert get("/healthz") == (200, b"ok")


def test_alive_answers_whatever_the_host_is_called(get, settings):
    settings.ALLOWED_HOSTS = ["leadhub.example.ru"]

    assert get("/healthz", host="10.1.2.3:8000")[0] == 200


def test_ready_when_every_part_was_seen(get):
    for part in PARTS:
        dispatch.seen(part)

    status, body = get("/readyz")

    assert (status, json.loads(body)["missing"]) == (200, [])


@pytest.mark.parametrize("silent", PARTS)
def test_names_the_part_that_is_silent(get, silent: str):
    for part in PARTS:
        dispatch.seen(part)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE heartbeat SET seen_at = seen_at - interval '1 minute' WHERE name = %s", [silent])

    status, body = get("/readyz")

    assert (status, json.loads(body)["missing"]) == (503, [silent])


def test_names_the_broker_that_is_away(db, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"

    assert "broker" in health.missing_parts()


def test_a_warm_process_has_both_url_maps_and_templates(get):
    assert warming.web_is_warm()
    assert all(get_resolver(urls)._populated for urls in ("leadhub.urls_public", "leadhub.urls_tenant"))


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--version"],
        ["help", "migrate"],
        ["check", "--deploy"],
        ["makemigrations", "booking"],
        ["collectstatic", "--noinput"],
        ["understand", "--input", "in.jsonl"],
        ["demo"],
        ["migrate_all", "--help"],
    ],
)
def test_commands_that_need_no_services(argv: list[str]):
    assert not services.needs_services(argv)


@pytest.mark.parametrize(
    "argv", [["migrate_all"], ["shell"], ["dispatch"], ["check", "--database", "default"], ["test"]]
)
def test_commands_that_need_services(argv: list[str]):
    assert services.needs_services(argv)
