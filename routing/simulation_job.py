"""A simulation as a long job: asked for on a page, done by a worker, its progress and result kept for a day."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction

from leadhub import clock
from leadhub.work import later
from routing import config as configs
from routing import simulation
from routing.models import RuleSet, ScorePolicy
from routing.rules.reading import read_rules

logger = logging.getLogger(__name__)

LIMITS = (100, 1_000, 10_000)  # leads
KEPT_SECONDS = 24 * 3600
WAITING, RUNNING, DONE, FAILED = "waiting", "running", "done", "failed"


def ask(rule_set: RuleSet, limit: int, *, by: str, weights: Mapping[str, int] | None = None) -> None:
    """A worker of long jobs will play the last `limit` leads through these rules and those in force. `weights`: fields
    of ScorePolicy that are tried with other values beside these rules."""
    tried = dict(weights or {})
    with transaction.atomic():
        _keep(rule_set.pk, {"state": WAITING, "percent": 0, "limit": limit, "by": by, "weights": tried})
        later("routing.simulate", rule_set.pk, limit, tried, key=str(rule_set.pk))


def state(rule_set: RuleSet) -> dict[str, Any] | None:
    """How far it is: state, percent, limit, by, weights; when done also text (the rules it played), at and result.

    None: never asked for, or forgotten since."""
    return cache.get(_name(rule_set.pk))


def run(rule_set_id: int, limit: int, weights: Mapping[str, int] | None = None, *, now: datetime) -> None:
    """Play the leads; safe to run twice. The database is only read."""
    rule_set = RuleSet.objects.filter(pk=rule_set_id).first()
    if rule_set is None:
        return
    known = {"limit": limit, "by": (state(rule_set) or {}).get("by", ""), "weights": dict(weights or {})}

    def tell(percent: int) -> None:
        _keep(rule_set_id, {**known, "state": RUNNING, "percent": percent})

    tell(0)
    try:
        result = play(rule_set, limit, weights=weights, now=now, tell=tell)
    except Exception:
        logger.exception("a simulation of rules %s failed", rule_set_id)
        _keep(rule_set_id, {**known, "state": FAILED, "percent": 0})
        raise
    done = {"state": DONE, "percent": 100, "text": rule_set.text, "at": clock.now().isoformat(), "result": result}
    _keep(rule_set_id, {**known, **done})


def play(
    rule_set: RuleSet,
    limit: int,
    *,
    weights: Mapping[str, int] | None = None,
    now: datetime,
    tell: simulation.Tell = lambda _: None,
) -> dict[str, Any]:
    """The rules in force against these, with other weights where such are given, over the last `limit` leads."""
    config = configs.load()
    ground = simulation.load(limit, config, now=now)
    policy = ScorePolicy.load()
    changed = [
        {"title": policy._meta.get_field(name).verbose_name, "before": getattr(policy, name), "after": value}
        for name, value in (weights or {}).items()
    ]
    for name, value in (weights or {}).items():
        setattr(policy, name, value)
    tried = configs.weights_of(policy, [service.price_kopecks for service in config.price_list]) if weights else None
    after = read_rules(rule_set.text).rules
    result = simulation.compare(config.rules.rules, after, ground, weights=tried, tell=tell)
    versions = {"version_before": config.rules.version, "version_after": rule_set.number}
    return {**result, **versions, "weights": changed}


def _keep(rule_set_id: int, told: dict[str, Any]) -> None:
    cache.set(_name(rule_set_id), told, KEPT_SECONDS)


def _name(rule_set_id: int) -> str:
    return f"simulation:{connection.schema_name}:{rule_set_id}"  # type: ignore[attr-defined]  # the tenants backend has it
