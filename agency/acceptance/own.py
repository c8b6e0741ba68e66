"""Checks that the business saved in its try-out console, played on the stage beside the packs' scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django_tenants.utils import tenant_context

from agency.acceptance.playing import Line, Outcome
from agency.acceptance.scenarios import Scenario
from inbox.models import SavedDialogue
from inbox.tryout import saved
from routing.rehearsing import Busy
from tenants.models import Tenant

GROUP = "Свои проверки"
PREFIX = "saved-"  # of their ids, which no pack's scenario has


def load(tenant: Tenant) -> Sequence[SavedDialogue]:
    with tenant_context(tenant):
        return list(saved.all_saved())


def id_of(dialogue: SavedDialogue) -> str:
    return f"{PREFIX}{dialogue.pk}"


def play(stage: Tenant, dialogue: SavedDialogue, *, now: datetime) -> Outcome:
    """Play one saved check on a stage (`rehearsal.stage`) and take everything back; its row keeps its own last run."""
    scenario = Scenario(id_of(dialogue), dialogue.title, GROUP, dialogue.at, needs=(), steps=())
    with tenant_context(stage), transaction.atomic():
        Tenant.objects.filter(pk=stage.pk).update(closed_at=None)  # work is done for open businesses alone
        try:
            faults, played = saved.compare(dialogue, now=now)
        except Busy:
            return Outcome(scenario, faults=["не сыграно: база данных занята"])
        finally:
            transaction.set_rollback(True)
    lines = []
    for turn in played.turns:
        lines.append(Line("Клиент", "".join(piece.text for piece in turn.pieces)))
        lines += [Line("Ассистент", reply.text) for reply in turn.replies]
    return Outcome(scenario, lines, faults)
