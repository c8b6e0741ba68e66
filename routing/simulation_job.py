"""A simulation as a long job: asked for on a page, done by a worker, its progress and result kept for a day."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction

from leadhub import clock
from leadhub.work import later
from routing import config as configs
from routing import simulation
from routing.models import RuleSet
from routing.rules.reading import read_rules

logger = logging.getLogger(__name__)

LIMITS = (100, 1_000, 10_000)  # leads
KEPT_SECONDS = 24 * 3600
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


def ask(rule_set: RuleSet, limit: int, *, by: str) -> None:
    """A worker of long jobs will play the last `limit` leads through these rules and those in force."""
    with transaction.atomic():
        _keep(rule_set.pk, {"state": WAITING, "percent": 0, "limit": limit, "by": by})
        later("routing.simulate", rule_set.pk, limit, key=str(rule_set.pk))


def state(rule_set: RuleSet) -> dict[str, Any] | None:
    """How far it is: state, percent, limit, by; when done also text (the rules it played), at and result.

    None: never asked for, or forgotten since."""
    return cache.get(_name(rule_set.pk))


def run(rule_set_id: int, limit: int, *, now: datetime) -> None:
    """Play the leads; safe to run twice. The database is only read."""
    rule_set = RuleSet.objects.filter(pk=rule_set_id).first()
    if rule_set is None:
        return
    known = {"limit": limit, "by": (state(rule_set) or {}).get("by", "")}

    def tell(percent: int) -> None:
        _keep(rule_set_id, {**known, "state": RUNNING, "percent": percent})

    tell(0)
    try:
        result = play(rule_set, limit, now=now, tell=tell)
    except Exception:
        logger.exception("a simulation of rules %s failed", rule_set_id)
        _keep(rule_set_id, {**known, "state": FAILED, "percent": 0})
        raise
    done = {"state": DONE, "percent": 100, "text": rule_set.text, "at": clock.now().isoformat(), "result": result}
    _keep(rule_set_id, {**known, **done})


def play(rule_set: RuleSet, limit: int, *, now: datetime, tell: simulation.Tell = lambda _: None) -> dict[str, Any]:
    """The rules in force against these, over the last `limit` leads."""
    config = configs.load()
    ground = simulation.load(limit, config, now=now)
    result = simulation.compare(config.rules.rules, read_rules(rule_set.text).rules, ground, tell=tell)
    return {**result, "version_before": config.rules.version, "version_after": rule_set.number}


def _keep(rule_set_id: int, told: dict[str, Any]) -> None:
    cache.set(_name(rule_set_id), told, KEPT_SECONDS)


def _name(rule_set_id: int) -> str:
    return f"simulation:{connection.schema_name}:{rule_set_id}"  # type: ignore[attr-defined]  # the tenants backend has it
