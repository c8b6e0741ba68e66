"""Scenarios as the packs tell them: who writes what and when, and what has to come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import time, timedelta
from pathlib import Path
from typing import Any

from agency.packs.section import PackError, Section, read_file

FOLDER = Path(__file__).parent.parent / "packs" / "scenarios"
DAYTIME = time(11)
STAFF_VERBS = ("takes", "hands_back")
NEEDS = ("promo", "knowledge", "clinical", "not_clinical", "two_branches", "master", "upsell")
WAITS = {"minutes", "hours", "days"}


@dataclass(frozen=True)
class Thing:
    """A service in the clients' words. `service`: its line of the price list, or any line that has one of the words."""

    service: str
    nom: str
    acc: str


@dataclass(frozen=True)
class Step:
    """One thing that happens after `wait`: a client writes, or a person of the business does something."""

    client: tuple[str, ...]  # messages sent in a row, answered together
    form: dict[str, str] = field(hash=False)  # fields of the site's form, filled in instead of a message
    staff: str
    wait: timedelta
    expect: dict[str, Any] = field(hash=False)


@dataclass(frozen=True)
class Scenario:
    id: str
    title: str
    group: str
    at: time  # local, on an ordinary working day
    needs: tuple[str, ...]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Script:
    """Everything to be played for one business."""

    things: dict[str, Thing] = field(hash=False)
    scenarios: tuple[Scenario, ...] = ()


def load(trades: Sequence[str], slug: str) -> Script:
    """Shared scenarios, those of the trades, and what was agreed with this very business, if anything was.

    The first trade gives the things that the shared ones speak of. Raises PackError."""
    from agency.acceptance.checks import CHECKS

    things: dict[str, Thing] = {}
    scenarios: list[Scenario] = []
    for name in ("shared", *trades, f"agreed-{slug}"):
        path = FOLDER / f"{name}.yaml"
        if not path.exists():
            continue
        top = read_file(path)
        for key, told in _things(top).items():
            things.setdefault(key, told)
        scenarios += [_scenario(one, known=set(CHECKS)) for one in top.sections("scenarios")]
        top.close()
    twice = {one.id for one in scenarios if sum(other.id == one.id for other in scenarios) > 1}
    if twice:
        raise PackError(f"scenarios: the ids stand twice: {', '.join(sorted(twice))}")
    return Script(things, tuple(scenarios))


def _things(top: Section) -> dict[str, Thing]:
    told = top.mapping("things", {})
    return {key: Thing(str(one["service"]), str(one["nom"]), str(one["acc"])) for key, one in told.items()}


def _scenario(told: Section, *, known: set[str]) -> Scenario:
    scenario = Scenario(
        id=told.text("id"),
        title=told.text("title"),
        group=told.text("group"),
        at=time.fromisoformat(told.text("at", DAYTIME.isoformat())),
        needs=told.texts("needs", ()),
        steps=tuple(_step(one, known=known) for one in told.sections("steps")),
    )
    if unknown := set(scenario.needs) - set(NEEDS):
        raise told.wrong("needs", f"nobody knows {', '.join(sorted(unknown))}")
    told.close()
    return scenario


def _step(told: Section, *, known: set[str]) -> Step:
    wait = told.mapping("wait", {})
    step = Step(
        client=told.texts("burst", ()) or tuple(filter(None, [told.text("client", "")])),
        form={str(key): str(value) for key, value in told.mapping("form", {}).items()},
        staff=told.text("staff", ""),
        wait=timedelta(**wait) if set(wait) <= WAITS else _refuse(told, "wait", "minutes, hours or days"),
        expect=told.mapping("expect", {}),
    )
    if step.staff and step.staff not in STAFF_VERBS:
        _refuse(told, "staff", f"one of {', '.join(STAFF_VERBS)}")
    if unknown := set(step.expect) - known:
        _refuse(told, "expect", f"nobody can check {', '.join(sorted(unknown))}")
    told.close()
    return step


def _refuse(told: Section, key: str, problem: str) -> Any:
    raise told.wrong(key, problem)
