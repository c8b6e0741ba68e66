"""A lead on its way to the portal: contact, card, deals of its visits, tasks of its calls, a line on its outcome.

Twice is as good as once: what has not changed is not sent, and what an unanswered attempt may have made is searched for
before it is made again (the portal knows no idempotency key; our number stands in the card).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crm import commands, errors, mapping, pacing
from crm.commands import Items, Table, Tasks
from crm.connection import Answer, Command, Portal, open_portal
from crm.directory import directory_of, forget_directory
from crm.mapping import CONTACT, DEAL, Directory, Enquiry, Visit
from crm.models import Link
from crm.reading import Reader, lead_of
from leadhub.work import GiveUp, TryLater, forget
from routing.models import Lead

GONE = "Карточка удалена в Битрикс24"
OUTCOME = "outcome"  # in a link's `written`: the outcome that the timeline was told
Kind = Link.Kind


def push_lead(lead_id: int, *, now: datetime) -> None:
    """Bring the portal up to what we know of a lead. Runs without a transaction.

    Raises TryLater (busy, down, stopped), GiveUp (the portal will not take it; the link says why)."""
    portal = open_portal(now=now)
    lead = lead_of(lead_id)
    if portal is None or lead is None:
        return
    with pacing.turn(portal.connection.domain, lead.contact_id):
        try:
            _Push(portal, lead, now=now).run()
        except errors.Refused as error:
            forget_directory(portal)  # it may have named what the portal no longer has
            Link.objects.filter(kind=Kind.LEAD, local_id=lead.pk).update(error=str(error)[:300])
            raise
    forget("crm.card_overdue", lead.pk)


@dataclass
class Item:
    """One of our rows, the fields it should have in the portal, and its link."""

    name: str  # of its command in a batch
    link: Link
    table: Table
    fields: dict[str, Any]
    fm: list[dict[str, str]] = field(default_factory=list)  # phones and e-mails, of a contact
    was_tried: bool = False

    @property
    def remote_id(self) -> str:
        return self.link.remote_id

    @property
    def reference(self) -> str:
        """Its number, or what stands for it in the batch that makes it."""
        return self.remote_id or f"$result[{self.name}][item][id]"

    def command(self) -> Command | None:
        """What brings the portal up to date; None when nothing changed."""
        fields = mapping.changed(self.fields, self.link.written)
        if fm := [
            value for value in self.fm if _fm_key(value) not in self.link.written
        ]:  # a value again is a second one
            fields["fm"] = fm
        if self.remote_id:
            return self.table.update(self.remote_id, fields) if fields else None
        return self.table.add({name: value for name, value in fields.items() if value not in ("", None)})

    def note_written(self, *, references: dict[str, str], now: datetime) -> None:
        """The portal has these fields now; references of the batch became numbers."""
        fields = {
            name: references.get(value, value) if isinstance(value, str) else value
            for name, value in self.fields.items()
        }
        self.link.written |= mapping.digests(fields) | {_fm_key(value): "" for value in self.fm}
        self.link.error, self.link.synced_at = "", now
        self.link.save(update_fields=["remote_id", "written", "error", "synced_at"])


def _fm_key(value: dict[str, str]) -> str:
    return f"fm {mapping.digest(value)}"


class _Push:
    def __init__(self, portal: Portal, lead: Lead, *, now: datetime) -> None:
        self.portal = portal
        self.lead = lead
        self.now = now
        reader = Reader(portal.connection)
        self.enquiry: Enquiry = reader.enquiry(lead)
        self.visits: list[tuple[int, Visit]] = reader.visits(lead)
        self.calls = reader.calls(lead)

    def run(self) -> None:
        directory = directory_of(self.portal)
        try:
            card = self._push_cards(directory)
        except errors.Refused as error:
            if error.code != "ACCESS_DENIED" or directory.mode == mapping.SIMPLE:
                raise
            changed = directory_of(self.portal, afresh=True)  # leads may have been switched off since
            if changed.mode != mapping.SIMPLE:
                raise
            card = self._push_cards(changed)
        refused = self._push_tasks(card)
        self._tell_outcome(card)
        if refused:
            raise refused
        Link.objects.filter(pk=card.link.pk).update(error="", synced_at=self.now)

    # Contact, card, deals

    def _push_cards(self, directory: Directory) -> Item:
        items = self._cards(directory)
        contact, card = items[0], items[1]
        if card.link.error == GONE:
            raise GiveUp(GONE)
        self._find(items)
        _point(items)
        answer = self._send(items)
        self._look_for_gone(answer, contact=contact, card=card, deals=items[2:])
        answer.check()
        return card

    def _cards(self, directory: Directory) -> list[Item]:
        enquiry = self.enquiry
        contact_fields = mapping.contact_fields(enquiry.person, responsible_id=enquiry.responsible_id)
        contact = self._item("contact", Kind.CONTACT, self.lead.contact_id, Items(CONTACT), contact_fields)
        contact.fm = mapping.communications(enquiry.person)
        if contact.remote_id:  # its name is the contact's own, or somebody gave it in the portal; so is its responsible
            contact.fields = {"name": contact_fields["name"]} if self.lead.contact.name else {}
        is_deal = directory.card_type == DEAL
        last = self.visits[-1][1] if self.visits else None
        card_fields = mapping.card_fields(enquiry, directory, contact="", visit=last if is_deal else None)
        card = self._item("card", Kind.LEAD, self.lead.pk, Items(directory.card_type), card_fields)
        items = [contact, card]
        for number, visit in () if is_deal else self.visits:
            fields = mapping.deal_fields(visit, enquiry, directory, contact="", lead="")
            items.append(self._item(f"deal{number}", Kind.DEAL, number, Items(DEAL), fields))
        return [item for item in items if item is card or item.link.error != GONE]

    def _item(self, name: str, kind: str, local_id: int, table: Table, fields: dict[str, Any]) -> Item:
        """With its link, made before the first attempt, so that an attempt that got no answer is remembered."""
        link, is_new = Link.objects.get_or_create(
            kind=kind, local_id=local_id, defaults={"entity_type": table.entity_type}
        )
        if link.entity_type != table.entity_type:  # the portal went from leads to deals, or back
            link.entity_type, link.remote_id, link.written, link.error = table.entity_type, "", {}, ""
            link.save()
        return Item(name, link, table, fields, was_tried=not is_new)

    def _find(self, items: list[Item]) -> None:
        """Objects that stand in the portal already: made by an unanswered attempt, or a contact with that phone."""
        asked = {f"find_{item.name}": item.table.find(item.fields) for item in items if _may_exist(item)}
        phone = self.enquiry.person.phone
        contact = next((item for item in items if item.link.kind == Kind.CONTACT and not item.remote_id), None)
        if contact and phone:
            asked["find_phone"] = commands.find_contact(phone)
        answer = self.portal.run(asked)
        answer.check()
        for item in items:
            if f"find_{item.name}" in answer.results:
                item.link.remote_id = item.table.found(answer.results[f"find_{item.name}"])
                if item.remote_id:
                    item.link.save(update_fields=["remote_id"])
        if contact and not contact.remote_id and (found := commands.found_contact(answer.results.get("find_phone"))):
            contact.link.remote_id = found  # somebody's card: what stands there is theirs
            contact.note_written(references={}, now=self.now)

    def _send(self, items: list[Item]) -> Answer:
        """One batch of what changed; what went through is kept before anything is said of the rest."""
        asked = {item.name: command for item in items if (command := item.command())}
        answer = self.portal.run(asked)
        references = {item.reference: "" for item in items if not item.remote_id}
        for item in items:
            if item.name in answer.results and not item.remote_id:
                reference, item.link.remote_id = item.reference, item.table.added(answer.results[item.name])
                references[reference] = item.remote_id
        for item in items:
            if item.name in answer.results:
                item.note_written(references=references, now=self.now)
        return answer

    def _look_for_gone(self, answer: Answer, *, contact: Item, card: Item, deals: list[Item]) -> None:
        """Deleted in the portal: a contact (contacts are merged there) is found or made anew; a card or a deal stays
        deleted, for somebody meant it, until a person asks for it again."""
        if _is_gone(answer, contact):
            contact.link.remote_id, contact.link.written = "", {}
            contact.link.save(update_fields=["remote_id", "written"])
            raise TryLater("контакта в Битрикс24 больше нет: свяжем заново")
        if _is_gone(answer, card):
            Link.objects.filter(pk=card.link.pk).update(error=GONE)
            raise GiveUp(GONE)
        for deal in deals:
            if _is_gone(answer, deal):
                Link.objects.filter(pk=deal.link.pk).update(error=GONE)
                del answer.errors[deal.name]

    # What hangs on the card

    def _push_tasks(self, card: Item) -> errors.Refused | None:
        """Tasks of calls that are due, closed when they are done. A refused one does not hold back the rest."""
        items = []
        for number, call in self.calls:
            known = Link.objects.filter(kind=Kind.TASK, local_id=number).exists()
            if known or not call.is_done:
                fields = mapping.task_fields(call, card_type=card.link.entity_type, card_id=card.remote_id)
                items.append(self._item(f"task{number}", Kind.TASK, number, Tasks(), fields))
        items = [item for item in items if item.link.error != GONE]
        self._find(items)
        answer = self._send(items)
        refused = None
        for item in items:
            error = answer.errors.get(item.name)
            if isinstance(error, errors.Refused):
                del answer.errors[item.name]
                is_deleted = bool(item.remote_id)
                Link.objects.filter(pk=item.link.pk).update(error=GONE if is_deleted else str(error)[:300])
                refused = refused if is_deleted else error
        answer.check()
        return refused

    def _tell_outcome(self, card: Item) -> None:
        """Once an outcome. An attempt without an answer is not repeated: a line less is better than a line twice."""
        told = mapping.digest(self.lead.status)
        if self.lead.outcome_at is None or card.link.written.get(OUTCOME) == told:
            return
        before = dict(card.link.written)
        self._keep_written(card, before | {OUTCOME: told})
        text = mapping.outcome_comment(self.lead.get_status_display(), [visit for _, visit in self.visits])
        try:
            self.portal.run({"comment": commands.comment(card.link.entity_type, card.remote_id, text)}).check()
        except errors.Uncertain:
            pass
        except Exception:
            self._keep_written(card, before)
            raise

    def _keep_written(self, card: Item, written: dict[str, str]) -> None:
        card.link.written = written
        card.link.save(update_fields=["written"])


def _may_exist(item: Item) -> bool:
    return item.was_tried and not item.remote_id


def _point(items: list[Item]) -> None:
    """Card and deals name their contact, deals their lead: by number, or by reference inside the batch."""
    contact, card = items[0], items[1]
    for item in items[1:]:
        item.fields["contactId"] = contact.reference
    for deal in items[2:]:
        deal.fields["leadId"] = card.reference


def _is_gone(answer: Answer, item: Item) -> bool:
    error = answer.errors.get(item.name)
    return isinstance(error, errors.Refused) and error.code == "NOT_FOUND" and bool(item.remote_id)
