"""A stored score follows the facts: a client's past, the VIP mark, prices, the policy, and time itself.

What the client writes is scored on its own path (`pipeline`); here is everything else that moves a score.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from channels_app import live
from contacts.models import Conversation
from leadhub.work import later
from routing import assignment, leads, record, ruling, scoring, sla
from routing import config as configs
from routing.calls import needs_call
from routing.models import Lead
from routing.signals import lead_changed

LIVE = (Lead.Status.OPEN, Lead.Status.NEEDS_CALL)
AGED, FACTS, POLICY = "прошло время", "изменилось то, что известно о клиенте", "изменились баллы, пороги или цены"


def age_later(lead: Lead, *, now: datetime) -> None:
    """Look at the score again when its freshness has halved."""
    half_life = configs.load().weights.recency_half_life
    later("routing.rescore", lead.pk, at=max(lead.last_client_at, now) + half_life)


def age(lead_id: int, *, now: datetime) -> None:
    """The freshness of a lead halved: the score is less, and will be looked at again while anything is left of it."""
    lead = _locked(lead_id)
    if lead is None:
        return
    config, past = configs.load(), leads.past_of(lead.contact, now=now)
    _rescore(lead, past, config, why=AGED, now=now)
    if at := scoring.ages_at(leads.score_facts(lead, past, config), config.weights, now=now):
        later("routing.rescore", lead.pk, at=at)


def follow_contact(contact_id: int, *, now: datetime) -> None:
    """Something that the business knows of a client changed: the client's open leads are scored and routed anew."""
    for lead_id in Lead.objects.filter(contact=contact_id, status__in=LIVE).order_by("pk").values_list("pk", flat=True):
        lead = _locked(lead_id, to_assign=True)
        if lead is None:
            continue
        was_hot = lead.is_hot
        if _rescore(lead, leads.past_of(lead.contact, now=now), configs.load(), why=FACTS, now=now):
            _route(lead, was_hot=was_hot, now=now)


def follow_policy(*, now: datetime) -> int:
    """Every open lead by the weights, thresholds and prices of now, each in a transaction of its own; the number of
    those whose score changed. Nobody is called for what is only counted differently."""
    changed = 0
    for lead_id in Lead.objects.filter(status__in=LIVE).order_by("pk").values_list("pk", flat=True):
        with transaction.atomic():
            if lead := _locked(lead_id):
                past = leads.past_of(lead.contact, now=now)
                changed += _rescore(lead, past, configs.load(), why=POLICY, now=now)
    return changed


def _locked(lead_id: int, *, to_assign: bool = False) -> Lead | None:
    """The lead while it is open, its conversation and itself locked; None: it is not (any more)."""
    found = Lead.objects.filter(pk=lead_id).values_list("conversation_id", flat=True).first()
    if found is None:
        return None
    # The order of locks everywhere: conversation, chairs (booking), assigning, lead.
    Conversation.objects.select_for_update().get(pk=found)
    if to_assign:
        assignment.lock_assigning()
    rows = Lead.objects.select_for_update(of=("self",)).select_related("contact", "conversation", "owner")
    return rows.filter(pk=lead_id, status__in=LIVE).first()


def _rescore(lead: Lead, past: leads.Past, config: configs.Config, *, why: str, now: datetime) -> bool:
    """Store the new score with a line of the record; False: it is what it was."""
    stamp, tags = lead.changed_at, lead.tags
    scored = leads.rescore(lead, past, config, now=now, why=why)
    if scored is None:
        lead.changed_at, lead.tags = stamp, tags
        return False
    record.keep(lead, "score", "temperature", "score_parts", "tags", "changed_at")
    record.add(lead, "scored", *scored, now=now)
    lead_changed.send(Lead, lead=lead, what="rescored", now=now)
    live.publish("lead", id=lead.pk)
    return True


def _route(lead: Lead, *, was_hot: bool, now: datetime) -> None:
    """Rules hear of the new facts; a lead that has become hot and is nobody's goes to a person."""
    if ruling.rule_on(lead, "facts_changed", now=now) or not lead.is_open:
        return
    if lead.is_hot and not was_hot and not lead.owner_id and not lead.taken_at:
        if assignment.give(lead, stage=lead.stage, now=now, why="Заявка стала горячей"):
            sla.start_take(lead, now=now)
        else:
            needs_call(lead, why="передать некому", now=now)
