"""Spam kept apart: what goes there, what comes back and teaches, what is erased; and who writes faster than people do.

A quarantined lead has no clocks, no owner and no place in any figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from assistant.learning import examples as learning
from channels_app import live
from channels_app.models import InboundEvent, Notice
from contacts import pace
from contacts.models import Conversation, Message
from leadhub.work import forget, later
from routing import access, leads, queries, record, sla, talks
from routing.leads import SPAM_TAG
from routing.models import Decision, Lead
from routing.rows import QuarantineRow
from routing.signals import lead_changed
from tenants.access import Member
from tenants.business.models import BusinessSettings

ERASED = "[стёрто: спам]"
FLOOD_TAG = "флуд"
SHOWN = 200  # of the newest
QUIET = timedelta(minutes=1)  # of silence, then all that a flood brought is read at once
LONGEST_HOLD = timedelta(minutes=10)  # since the first message without an answer
_Status = Lead.Status


# --- In ---------------------------------------------------------------------------------------------------------------


def put(lead: Lead, *, why: str, now: datetime) -> None:
    """A person or a rule says that it is spam: nobody's work any more, until it is released by a person.

    The lead's conversation is locked by the caller."""
    lead.status, lead.changed_at, lead.owner, lead.taken_at = _Status.QUARANTINE, now, None, None
    lead.tags = [*(tag for tag in lead.tags if tag != SPAM_TAG), SPAM_TAG]
    record.keep(lead, "status", "changed_at", "owner", "taken_at", "tags")
    lead.assignments.filter(ended_at=None).update(ended_at=now, end_reason="спам")
    lead.tasks.filter(done_at=None).update(done_at=now)
    Notice.objects.filter(lead_id=lead.pk, seen_at=None).update(seen_at=now)  # there is nothing to come for
    sla.stop_all(lead, now=now)
    record.add(lead, "quarantined", "В карантин", [("Почему", why)], now=now)
    expect_end(lead, now=now)
    lead_changed.send(Lead, lead=lead, what="quarantined", now=now)
    live.publish("lead", id=lead.pk)


def expect_end(lead: Lead, *, now: datetime) -> None:
    """Owe the end of a lead that has just come into quarantine."""
    later("routing.quarantine_end", lead.pk, at=now + kept_for())


def ends_at(lead: Lead, kept: timedelta) -> datetime:
    """When a quarantined lead is erased: so long after its last message, or after a person put it there."""
    return lead.changed_at + kept


def kept_for() -> timedelta:
    """How long the business keeps spam, as it stands now (what processes keep of the settings may be older)."""
    return timedelta(days=BusinessSettings.objects.values_list("quarantine_days", flat=True).get(pk=1))


# --- Out --------------------------------------------------------------------------------------------------------------


@transaction.atomic
def release(lead: Lead, *, by: Member, now: datetime) -> Lead:
    """It was a client: answered, on the clock again, and an example that such words are no spam."""
    if lead.status != _Status.QUARANTINE:
        return lead
    lead = leads.release(lead, by=by.staff, who=access.name_of(by), now=now)
    forget("routing.quarantine_end", lead.pk)
    message = talks.telling_message(lead)
    if message and lead.status != _Status.QUARANTINE:
        meant = learning.Meaning.of(message.understanding)
        if meant.intent == "spam":
            meant = replace(meant, intent="other", also=())
        learning.note_meaning(message, meant, by=access.name_of(by), now=now)
        record.add(lead, "taught", "Ассистент запомнит: это не спам", [("Кто", access.name_of(by))], now=now)
    return lead


@transaction.atomic
def discard(lead: Lead, *, why: str, now: datetime) -> None:
    """The end of a quarantined lead: its client's words are erased, also as they came in; nothing counts it."""
    Conversation.objects.select_for_update().get(pk=lead.conversation_id)
    lead = Lead.objects.select_for_update().get(pk=lead.pk)
    if lead.status != _Status.QUARANTINE:
        return
    said = Message.objects.filter(
        conversation=lead.conversation_id, author=Message.Author.CLIENT, received_at__gte=lead.created_at
    )
    events = list(said.exclude(event_id=None).values_list("event_id", flat=True))
    InboundEvent.objects.filter(pk__in=events).update(body=b"")
    said.update(text=ERASED, understanding=None, earlier=[], is_processed=True)
    lead.decisions.filter(kind__in=("understood", "quarantined")).update(details=[])
    lead.status, lead.changed_at, lead.outcome_at, lead.summary = _Status.SPAM, now, now, ""
    lead.save(update_fields=["status", "changed_at", "outcome_at", "summary"])
    forget("routing.quarantine_end", lead.pk)
    record.add(lead, "closed", "Спам стёрт", [("Почему", why)], now=now)
    lead_changed.send(Lead, lead=lead, what="closed", now=now)
    live.publish("lead", id=lead.pk)


def end(lead_id: int, *, now: datetime) -> None:
    """Due work: the days are over, unless it wrote again or the business keeps spam longer by now."""
    lead = Lead.objects.filter(pk=lead_id, status=_Status.QUARANTINE).first()
    if lead is None:
        return
    kept = kept_for()
    if (at := ends_at(lead, kept)) > now:
        later("routing.quarantine_end", lead.pk, at=at)
        return
    discard(lead, why=f"в карантине дольше {kept.days} дн., никто не вернул", now=now)


def move_ends(*, now: datetime) -> None:
    """The business keeps spam for another number of days from now on."""
    kept = kept_for()
    for lead in Lead.objects.filter(status=_Status.QUARANTINE).only("changed_at"):
        later("routing.quarantine_end", lead.pk, at=max(ends_at(lead, kept), now))


# --- What the page shows ---------------------------------------------------------------------------------------------


def listed(member: Member, *, now: datetime) -> list[QuarantineRow]:
    """What was taken for spam, newest first; four queries."""
    found = access.leads_of(member).filter(status=_Status.QUARANTINE, is_test=False)
    waiting = list(found.select_related("contact", "conversation__identity").order_by("-pk")[:SHOWN])
    said = _last_words([lead.conversation_id for lead in waiting])
    reasons = dict(
        Decision.objects.filter(lead__in=waiting, kind__in=["quarantined", "understood"])
        .order_by("pk")
        .values_list("lead", "details")
    )
    kept = kept_for()
    return [
        QuarantineRow(
            lead_id=lead.pk,
            contact_name=queries.name_of(lead.contact, lead.conversation.identity),
            channel_kind=lead.kind,
            channel_title=lead.get_kind_display(),
            text=said.get(lead.conversation_id, "")[:500],
            reason=_reason(reasons.get(lead.pk, [])),
            at=lead.last_client_at,
            ends_in_days=max((ends_at(lead, kept) - now).days, 0),
            is_flood=FLOOD_TAG in lead.tags,
        )
        for lead in waiting
    ]


def _reason(lines: Sequence[dict[str, str]]) -> str:
    """«похоже на рекламу: «продвижение», «t.me/xxx»»: what was said of several words is said once."""
    told: dict[str, list[str]] = {}
    for line in lines:
        if line["name"] == "Почему":
            what, _, quoted = line["value"].removeprefix("спам: ").partition(": «")
            told.setdefault(what, []).append(f"«{quoted}" if quoted else "")
    parts = [f"{what}: {', '.join(quotes)}" if any(quotes) else what for what, quotes in told.items()]
    return "; ".join(parts) or "похоже на рекламу"


def _last_words(conversation_ids: Sequence[int]) -> dict[int, str]:
    """The client's last message of each conversation."""
    last = (
        Message.objects.filter(conversation__in=conversation_ids, author=Message.Author.CLIENT)
        .order_by("conversation", "-pk")
        .distinct("conversation")
    )
    return dict(last.values_list("conversation", "text"))


# --- Floods -----------------------------------------------------------------------------------------------------------


def holds_off(conversation: Conversation, *, now: datetime) -> bool:
    """Whether the client writes faster than people do: the message is kept and shown, but not read by itself; all are
    read at once when there is silence. The conversation's row is locked by the caller."""
    if conversation.is_test or not pace.is_flood(conversation.state, now=now):
        return False
    latest = max((conversation.pending_since or now) + LONGEST_HOLD, now)
    later("routing.answer", conversation.pk, at=min(now + QUIET, latest))
    if "flood" not in conversation.state:
        _note_flood(conversation, now=now)
    return True


def _note_flood(conversation: Conversation, *, now: datetime) -> None:
    """Once a flood."""
    conversation.state = {**conversation.state, "flood": now.isoformat()}
    conversation.save(update_fields=["state"])
    waiting = [_Status.OPEN, _Status.NEEDS_CALL, _Status.QUARANTINE]
    lead = Lead.objects.filter(conversation=conversation, status__in=waiting).first()
    if lead is None:
        return  # so fast that there is none yet: it is noted when they are read
    lead.tags, lead.changed_at = [*lead.tags, FLOOD_TAG], now
    lead.save(update_fields=["tags", "changed_at"])
    limits = f"больше {pace.MOST[60]} за минуту или {pace.MOST[3600]} за час"
    then = "сохраняем, прочитаем вместе, когда клиент замолчит на минуту"
    title = "Слишком много сообщений подряд"
    record.add(lead, "flood", title, [("Почему", limits), ("Что дальше", then)], now=now)
    live.publish("lead", id=lead.pk)


def end_flood(conversation: Conversation, lead: Lead, count: int, *, now: datetime) -> None:
    """All that a flood brought (`count` messages) was read at once; the lead and the state are saved by the caller."""
    if "flood" not in conversation.state:
        return
    conversation.state = {name: value for name, value in conversation.state.items() if name != "flood"}
    lead.tags = [tag for tag in lead.tags if tag != FLOOD_TAG]
    record.add(lead, "flood", "Поток сообщений кончился", [("Прочитано вместе", str(count))], now=now)
