"""Probes: alive (nothing asked of anyone) and ready (everything that answering a client needs is at work)."""

from __future__ import annotations

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from leadhub import warming
from leadhub.work import dispatch


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """This process answers. Asks neither the database nor the broker."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """200 when a client who writes now is answered; else 503 and the names of what is missing."""
    missing = missing_parts()
    answer = {"ready": not missing, "missing": missing, "queues": list(settings.WORK_QUEUES)}
    response = JsonResponse(answer, status=503 if missing else 200, headers={"Cache-Control": "no-store"})
    response._has_been_logged = True  # "not yet" is an answer, no error for the log
    return response


def missing_parts() -> list[str]:
    """Of `warm-up`, `broker`, `database`, `dispatcher` and `worker:<queue>`, those that are not there."""
    missing = [] if _is_warm() else ["warm-up"]
    if not _broker_answers():
        missing.append("broker")
    try:
        return missing + dispatch.silent()
    except DatabaseError:
        connection.close()
        return [*missing, "database"]


def _is_warm() -> bool:
    if warming.web_is_warm():
        return True
    from django.core.handlers.wsgi import WSGIHandler

    return warming.warm_web(WSGIHandler())


def _broker_answers() -> bool:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
