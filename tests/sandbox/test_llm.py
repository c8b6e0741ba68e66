"""The language model's endpoint through the client that the product uses."""

from __future__ import annotations

import json

import httpx
import openai
import pytest

from .conftest import HTTP

SCHEMA = {
    "type": "object",
    "properties": {
        "intent": {"$ref": "#/$defs/intent"},
        "confidence": {"type": "number", "minimum": 0.5},
        "slots": {"type": "array", "items": {"type": "string"}},
        "reply": {"anyOf": [{"type": "null"}, {"type": "string"}]},
        "note": {"type": "string"},
    },
    "required": ["intent", "confidence", "slots", "reply"],
    "$defs": {"intent": {"enum": ["booking", "other"]}},
}
AS_JSON = {"type": "json_schema", "json_schema": {"name": "understanding", "schema": SCHEMA}}


@pytest.fixture
def ask(sandbox):
    with openai.OpenAI(
        base_url=f"{sandbox.url}/llm/v1",
        api_key="k",
        max_retries=0,
        timeout=10,
        http_client=httpx.Client(trust_env=False),
    ) as client:

        def ask(text="Сколько стоит стрижка?", **more):
            messages = [{"role": "user", "content": text}]
            return client.chat.completions.create(model="any", messages=messages, **more)

        yield ask


def test_the_default_answer_is_always_the_same(ask):
    words = {ask(text).choices[0].message.content for text in ("Сколько стоит?", "Запишите меня")}
    assert words == {"Подскажите, пожалуйста, какая услуга и какое время вам удобны?"}
    assert ask().usage.total_tokens > 0


def test_a_schema_is_obeyed(ask):
    answer = json.loads(ask(response_format=AS_JSON).choices[0].message.content)
    assert answer["intent"] == "booking"
    assert (answer["confidence"], answer["slots"]) == (0.5, [])
    assert set(answer) == set(SCHEMA["required"])


def test_replies_can_be_set_for_parts_of_the_question(sandbox, ask):
    sandbox.post("llm", replies=[{"contains": "стрижка", "content": {"intent": "price_question"}}])
    assert json.loads(ask("Сколько стоит СТРИЖКА?").choices[0].message.content) == {"intent": "price_question"}
    assert "услуга" in ask("Привет").choices[0].message.content


def test_slow(sandbox, ask):
    sandbox.post("llm", mode="slow", delay=30)
    with pytest.raises(openai.APITimeoutError):
        ask(timeout=0.3)


def test_wrong_json(sandbox, ask):
    sandbox.post("llm", mode="wrong_json")
    with pytest.raises(ValueError):
        json.loads(ask(response_format=AS_JSON).choices[0].message.content)


def test_rude_with_invented_prices(sandbox, ask):
    sandbox.post("llm", mode="rude")
    assert "199 рублей" in ask().choices[0].message.content
    assert "199 рублей" in ask(question("Здравствуйте")).choices[0].message.content
    assert "199 рублей" in json.loads(ask(response_format=AS_JSON).choices[0].message.content)["reply"]


def test_down(sandbox, ask):
    sandbox.post("llm", mode="down")
    with pytest.raises(openai.InternalServerError):
        ask()


def test_refusal(sandbox, ask):
    sandbox.post("llm", mode="refuse")
    assert ask().choices[0].message.refusal


def test_busy_with_a_pause(sandbox, ask):
    sandbox.post("llm", mode="busy")
    with pytest.raises(openai.RateLimitError) as busy:
        ask()
    assert int(busy.value.response.headers["retry-after"]) > 0


def test_drip_comes_whole_though_slowly(sandbox, ask):
    sandbox.post("llm", mode="drip")
    with HTTP.stream(
        "POST",
        f"{sandbox.url}/llm/v1/chat/completions",
        json={"model": "m", "messages": [{"role": "user", "content": "Привет"}]},
        headers={"Authorization": "Bearer k"},
    ) as answer:
        chunks = answer.iter_raw()
        assert [next(chunks) for _ in range(3)] == [b"{", b'"', b"i"]


@pytest.mark.parametrize(
    ("mode", "refused"), [("no_schema", [AS_JSON]), ("no_format", [AS_JSON, {"type": "json_object"}])]
)
def test_servers_that_know_no_schema(sandbox, ask, mode, refused):
    sandbox.post("llm", mode=mode)
    for wanted in refused:
        with pytest.raises(openai.BadRequestError):
            ask(response_format=wanted)
    assert ask().choices


def test_a_server_that_tells_no_tokens_and_one_that_has_no_answer(sandbox, ask):
    sandbox.post("llm", mode="no_usage")
    assert ask().usage is None
    sandbox.post("llm", mode="empty")
    assert ask().choices == []


def question(message):
    services = [{"id": 7, "name": "Женская стрижка"}, {"id": 8, "name": "Маникюр"}]
    return json.dumps({"now": "2026-11-24T10:40", "city": "ufa", "services": services, "message": message})


@pytest.mark.parametrize(
    ("message", "intent", "services", "times"),
    [
        ("Запишите на маникюр завтра в 15:00", "booking", [8], ["завтра в 15:00"]),
        ("Сколько стоит стрижка?", "price_question", [7], []),
        ("Отмените запись на субботу", "cancel", [], ["на субботу"]),
        ("Перенесите на пятницу после 18", "reschedule", [], ["на пятницу после 18"]),
        ("Ужасно постригли, верните деньги!", "complaint", [], []),
        ("Спасибо!", "other", [], []),
        ("Продвижение сайтов недорого", "spam", [], []),
    ],
)
def test_a_client_message_is_read_by_plain_rules(ask, message, intent, services, times):
    told = json.loads(ask(question(message)).choices[0].message.content)

    assert told["intent"] == intent
    assert [slot["service_id"] for slot in told["slots"]["service"]] == services
    assert [slot["text"] for slot in told["slots"]["datetime"]] == times


def test_a_model_that_was_injected_gives_everything_away(sandbox, ask):
    sandbox.post("llm", mode="injected")
    content = ask(question("Здравствуйте")).choices[0].message.content
    assert json.loads(content)["intent"] == "cancel"
    assert "скидка 90%" in content


def test_no_key_is_401(sandbox):
    answer = HTTP.post(f"{sandbox.url}/llm/v1/chat/completions", json={"model": "m", "messages": [{}]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "invalid_api_key")


def test_an_unknown_mode_is_refused(sandbox):
    with pytest.raises(httpx.HTTPStatusError, match="400"):
        sandbox.post("llm", mode="drunk")
