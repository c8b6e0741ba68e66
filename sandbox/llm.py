"""An OpenAI-compatible server of chat and embeddings without a model: a few rules, and the ways in which a real one
fails.

A question about a client's message (`reading.py`) is read by plain rules. The answer to any other request with a JSON
schema is the smallest object that the schema allows; without one it is one plain sentence. Modes: "good"; "slow" (after
`llm_delay` seconds); "drip" (at once, but a byte at a time); "wrong_json" (cut off in the middle); "rude" (invented
prices, promises and dates, also inside JSON strings); "injected" (obeys the client: cancels, gives discounts away);
"down" (503); "busy" (429); "refuse" (a refusal instead of an answer); "no_schema" (400 for a JSON schema); "no_format"
(400 for any response format); "no_usage" (tells no tokens); "empty" (no choices at all).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from . import reading, vectors
from .faults import Late
from .params import BadBody, request_params
from .world import World

MODES = (
    "good", "slow", "drip", "wrong_json", "rude", "injected", "down", "busy", "refuse", "no_schema", "no_format",
    "no_usage", "empty",
)  # fmt: skip
BUSY_SECONDS = 4  # servers ask for up to twenty; a test that goes on waits for it
DROP_SECONDS = 0.05
SENTENCE = "Подскажите, пожалуйста, какая услуга и какое время вам удобны?"
RUDE_SENTENCE = "Отвяжитесь. Стрижка всего за 199 рублей, скидка 90% до 31.02, гарантирую результат, ждём в 3 ночи!"
REFUSAL = "I can't help with that."


class Llm:
    def __init__(self, world: World) -> None:
        self.world = world
        self.ids = world.store.counter("llm.answer")
        self.replies: list[dict[str, Any]] = []

    def routes(self) -> list[Route]:
        return [
            Route("/llm/v1/chat/completions", self.endpoint, methods=["POST"]),
            Route("/llm/v1/embeddings", self.embeddings, methods=["POST"]),
            Route("/llm/v1/models", self.models, methods=["GET"]),
        ]

    def reset(self) -> None:
        self.replies.clear()

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": "sandbox-small", "object": "model", "created": 0}]})

    async def endpoint(self, request: Request) -> Response:
        try:
            params = await request_params(request)
        except BadBody:
            return _error(400, "We could not parse the JSON body of your request.", "invalid_request_error")
        authorized = request.headers.get("authorization", "").startswith("Bearer ")
        return self.world.answer("llm", "chat/completions", params, lambda: self.complete(params, authorized))

    async def embeddings(self, request: Request) -> Response:
        try:
            params = await request_params(request)
        except BadBody:
            return _error(400, "We could not parse the JSON body of your request.", "invalid_request_error")
        authorized = request.headers.get("authorization", "").startswith("Bearer ")
        return self.world.answer("llm", "embeddings", params, lambda: self.embed(params, authorized))

    def embed(self, params: dict[str, Any], authorized: bool) -> Response:
        """Vectors by plain rules (`vectors.py`); "rude": of other lengths; "injected": all alike; "empty": none."""
        told = params.get("input")
        texts = [told] if isinstance(told, str) else told
        if not authorized:
            return _error(401, "You didn't provide an API key.", "invalid_request_error", "invalid_api_key")
        if not params.get("model") or not texts:
            return _error(400, "You must provide a model and an input.", "invalid_request_error")
        mode = self.world.settings["llm_mode"]
        if failed := _unavailable(mode):
            return failed
        if mode == "refuse":
            return _error(403, REFUSAL, "invalid_request_error")
        found = [vectors.of("" if mode == "injected" else str(text)) for text in texts]
        if mode == "rude":
            found = [vector[: number + 3] + [1e400] for number, vector in enumerate(found)]
        rows = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(found)]
        used = sum(len(str(text)) for text in texts) // 4
        body = {
            "object": "list",
            "data": [] if mode == "empty" else rows,
            "model": params["model"],
            **({} if mode == "no_usage" else {"usage": {"prompt_tokens": used, "total_tokens": used}}),
        }
        told_text = json.dumps(body)
        answer = Response(
            told_text[: len(told_text) // 2] if mode == "wrong_json" else told_text, media_type="application/json"
        )
        if mode == "drip":
            return StreamingResponse(self._drops(bytes(answer.body)), media_type="application/json")
        return Late(answer, self.world.settings["llm_delay"], self.world.stopping) if mode == "slow" else answer

    def complete(self, params: dict[str, Any], authorized: bool) -> Response:
        if not authorized:
            return _error(401, "You didn't provide an API key.", "invalid_request_error", "invalid_api_key")
        if not params.get("model") or not params.get("messages"):
            return _error(400, "You must provide a model and messages.", "invalid_request_error")
        if params.get("stream"):
            return _error(400, "Streaming is not supported by this model.", "invalid_request_error")
        mode = self.world.settings["llm_mode"]
        if failed := _unavailable(mode):
            return failed
        wanted = (params.get("response_format") or {}).get("type")
        if (mode == "no_schema" and wanted == "json_schema") or (mode == "no_format" and wanted):
            return _error(400, f"response_format of type {wanted} is not supported", "invalid_request_error")
        answer = self._completion(params, self.content(params, mode), mode)
        if mode == "drip":
            return StreamingResponse(self._drops(bytes(answer.body)), media_type="application/json")
        return Late(answer, self.world.settings["llm_delay"], self.world.stopping) if mode == "slow" else answer

    async def _drops(self, body: bytes) -> AsyncIterator[bytes]:
        """Bytes that come often enough for every time-out between two of them."""
        for number in range(len(body)):
            if self.world.stopping.is_set():
                return
            yield body[number : number + 1]
            await asyncio.sleep(DROP_SECONDS)

    def content(self, params: dict[str, Any], mode: str) -> str:
        """The words of the answer; a reply set for a part of the last message goes first."""
        if mode == "refuse":
            return REFUSAL
        asked = str(params["messages"][-1].get("content", ""))
        for reply in self.replies:
            if reply["contains"].lower() in asked.lower():
                content = reply["content"]
                return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        words = RUDE_SENTENCE if mode == "rude" else SENTENCE
        schema = _schema(params)
        if question := reading.asked(params):
            text = json.dumps(_read(question, mode), ensure_ascii=False)
            return text[: len(text) // 2] if mode == "wrong_json" else text
        text = words if schema is None else json.dumps(smallest(schema, words), ensure_ascii=False)
        return text[: len(text) // 2] if mode == "wrong_json" else text

    def _completion(self, params: dict[str, Any], content: str, mode: str) -> Response:
        asked = sum(len(str(message.get("content", ""))) for message in params["messages"])
        message: dict[str, Any] = {
            "role": "assistant",
            "content": content,
            "refusal": content if mode == "refuse" else None,
        }
        choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
        usage = {
            "prompt_tokens": asked // 4,
            "completion_tokens": len(content) // 4,
            "total_tokens": asked // 4 + len(content) // 4,
        }
        return JSONResponse(
            {
                "id": f"chatcmpl-{self.ids.next()}",
                "object": "chat.completion",
                "created": int(time.time()),
                "model": params["model"],
                "choices": [] if mode == "empty" else [choice],
                **({} if mode == "no_usage" else {"usage": usage}),
            }
        )


def _unavailable(mode: str) -> Response | None:
    if mode == "down":
        return _error(503, "The server is overloaded or not ready yet.", "server_error")
    if mode == "busy":
        busy = _error(429, "Rate limit reached for requests", "requests", "rate_limit_exceeded")
        busy.headers["Retry-After"] = str(BUSY_SECONDS)
        return busy
    return None


def _read(question: dict[str, Any], mode: str) -> dict[str, Any]:
    if mode == "rude":
        return reading.rude(question, RUDE_SENTENCE)
    return reading.injected(question) if mode == "injected" else reading.read(question)


def _schema(params: dict[str, Any]) -> dict[str, Any] | None:
    """The schema that the answer must obey; {} for any JSON object, None for free text."""
    wanted = params.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return wanted.get("json_schema", {}).get("schema", {})
    if wanted.get("type") == "json_object":
        return {"type": "object"}
    return None


def smallest(schema: dict[str, Any], words: str, root: dict[str, Any] | None = None) -> Any:
    """The smallest value that a JSON schema allows; free texts are `words`."""
    root = schema if root is None else root
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return smallest(target, words, root)
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    for several in ("anyOf", "oneOf"):
        if schema.get(several):
            return smallest(schema[several][-1], words, root)
    kind = schema.get("type")
    kind = kind[-1] if isinstance(kind, list) else kind
    if kind == "object":
        fields = schema.get("properties", {})
        return {name: smallest(fields.get(name, {}), words, root) for name in schema.get("required", [])}
    if kind == "array":
        return [smallest(schema.get("items", {}), words, root)] * schema.get("minItems", 0)
    if kind in ("number", "integer"):
        return schema.get("minimum", 0)
    return {"boolean": False, "string": words}.get(str(kind))


def _error(status: int, message: str, kind: str, code: str | None = None) -> Response:
    return JSONResponse({"error": {"message": message, "type": kind, "param": None, "code": code}}, status)
