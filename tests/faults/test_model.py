"""A language model reads the messages of «Соседний салон», and fails in every way: each client is answered once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from tests.faults.installation import Installation

pytestmark = pytest.mark.processes

TEXT = "Здравствуйте, хочу как-нибудь на этой неделе красоту на руках навести"


@pytest.fixture
def asking(installation: Installation) -> Iterator[Installation]:
    """The model is switched on; processes learn of it within some seconds."""
    installation.sandbox.reset("llm")
    _switch(installation, "always")
    installation.wait("the model is never asked", lambda: _asked_by_a_new_client(installation))
    yield installation
    _switch(installation, "never")


def _switch(installation: Installation, use: str) -> None:
    """As the owner's form does: the row, and the mark that tells every process to read the settings again."""
    installation.sql("UPDATE t_sosed.business_businesssettings SET model_use = %s", use)
    installation.valkey.delete("lh:1:settings-of:t_sosed")


def _asked_by_a_new_client(installation: Installation) -> bool:
    client = installation.client("sosed")
    client.says(TEXT)
    installation.wait("no answer", client.is_answered)
    return bool(installation.sandbox.log("llm"))


@pytest.mark.parametrize("mode", ["good", "slow", "drip", "wrong_json", "rude", "injected", "down", "busy", "refuse"])
def test_every_client_is_answered_once_whatever_the_model_does(asking: Installation, mode: str):
    asking.sandbox.post("llm", mode=mode, delay=60)
    clients = asking.clients(6, "sosed")
    for client in clients:
        client.says(TEXT)

    for client in clients:
        asking.wait("no answer", client.is_answered)
    asking.wait("still owed", lambda: asking.owed("routing.refine", "routing.answer_plainly") == 0)
    for client in clients:
        client.check_handled_once()
        assert not any(invented in client.got[0] for invented in ("199", "90%", "03:00"))


def test_clients_are_answered_while_nobody_can_ask_the_model(asking: Installation):
    """The workers that ask stand still: the answers are composed without them, and leave when they go on."""
    clients = asking.clients(3, "sosed")
    with asking.frozen("http@"):
        for client in clients:
            client.says(TEXT)
        for client in clients:
            asking.wait("no answer was composed", lambda client=client: client.replies)

    for client in clients:
        asking.wait("no answer", client.is_answered, hurry=0.5)
        client.check_handled_once()


def test_a_worker_that_dies_while_the_model_thinks_costs_no_answer(asking: Installation):
    asking.sandbox.post("llm", mode="slow", delay=60)
    client = asking.client("sosed")
    before = len(asking.sandbox.log("llm"))
    client.says(TEXT)
    asking.wait("the model is not asked", lambda: len(asking.sandbox.log("llm")) > before)

    asking.kill("http@")

    asking.wait("no answer", client.is_answered, hurry=0.5)
    asking.wait("still owed", lambda: asking.owed("routing.refine") == 0, hurry=1.0)
    client.check_handled_once()


def test_over_the_months_cap_every_client_is_answered_and_nothing_is_asked(asking: Installation):
    moment = datetime.fromtimestamp(asking.now(), UTC)
    asking.sql(
        "INSERT INTO t_sosed.assistant_modelcall (asked_at, outcome, model, prompt_version, request, reply, latency_ms,"
        " prompt_tokens, completion_tokens, cost_kopecks) VALUES (%s, 'answered', 'cap', '1', '', '', 1, 1, 1, 100000)",
        moment,
    )
    try:
        before = len(asking.sandbox.log("llm"))
        clients = asking.clients(4, "sosed")
        for client in clients:
            client.says(TEXT)
        for client in clients:
            asking.wait("no answer", client.is_answered)
            client.check_handled_once()
        assert len(asking.sandbox.log("llm")) == before
    finally:
        asking.sql("DELETE FROM t_sosed.assistant_modelcall WHERE model = 'cap'")


# --- Compared by meaning ---

JEEP = "Здравствуйте! Подскажите, для джипа место найдётся?"
TOLD = "Во дворе десять мест, въезд с улицы Мира."
_COMPARE = """
from django_tenants.utils import schema_context
from assistant.models import KnowledgeEntry, LanguageModel
from leadhub.work import later
with schema_context("t_sosed"):
    LanguageModel.objects.update(compares_meaning=True)
    KnowledgeEntry.objects.all().delete()
    KnowledgeEntry.objects.create(question="Куда деть автомобиль?", answer="Во дворе десять мест, въезд с улицы Мира.")
"""


@pytest.fixture(scope="module")
def compared(running: Installation) -> Iterator[None]:
    """«Соседний салон» has its base compared by meaning; its entry has got its vector."""
    running.sandbox.reset("llm")
    running.manage("shell", "-v", "0", "-c", _COMPARE)
    running.valkey.delete("lh:1:settings-of:t_sosed")
    has_vector = "SELECT count(*) FROM t_sosed.assistant_knowledgeentry WHERE vector IS NOT NULL"
    running.wait("no vector was made", lambda: running.number(has_vector), hurry=0.5)
    yield
    running.sql("UPDATE t_sosed.business_businesssettings SET compares_meaning = false")
    running.sql("DELETE FROM t_sosed.assistant_knowledgeentry")
    running.valkey.delete("lh:1:settings-of:t_sosed")


@pytest.fixture
def comparing(installation: Installation, compared: None) -> Installation:
    """The server of vectors answers again, and every process knows it."""
    installation.sandbox.reset("llm")
    installation.wait("nothing is compared", lambda: _quoted_to_a_new_client(installation))
    return installation


def _quoted_to_a_new_client(installation: Installation) -> bool:
    client = installation.client("sosed")
    client.says(JEEP)
    installation.wait("no answer", client.is_answered)
    return TOLD in client.got[0]


@pytest.mark.parametrize("mode", ["slow", "drip", "wrong_json", "rude", "down", "busy", "refuse"])
def test_every_client_is_answered_once_whatever_the_server_of_vectors_does(comparing: Installation, mode: str):
    comparing.sandbox.post("llm", mode=mode, delay=60)
    clients = comparing.clients(3, "sosed")
    for client in clients:
        client.says(JEEP)

    for client in clients:
        comparing.wait("no answer", client.is_answered)
    comparing.wait("still owed", lambda: comparing.owed("routing.refine", "routing.answer_plainly") == 0)
    for client in clients:
        client.check_handled_once()
        assert TOLD not in client.got[0]
