"""What stands in the portal's cards: plain data in, fields of `crm.item.*` and `tasks.task.*` out. No database.

Every function gives the whole set of fields that we keep, empty ones too; who sends them leaves out what did not
change.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LEAD, DEAL, CONTACT = 1, 2, 3
CLASSIC, SIMPLE = 1, 2  # answers of crm.settings.mode.get: with leads, and without
ORIGINATOR = "leadhub"
TASK_DONE = "5"
Fields = dict[str, Any]

# Our own fields of a card: name in crm.*.userfield.add, type, label, and the name in crm.item.*.
OWN_FIELDS = (
    ("LEADHUB_SCORE", "integer", "Leadhub: балл", "ufCrmLeadhubScore"),
    ("LEADHUB_TEMPERATURE", "string", "Leadhub: температура", "ufCrmLeadhubTemperature"),
    ("LEADHUB_INTENT", "string", "Leadhub: намерение", "ufCrmLeadhubIntent"),
    ("LEADHUB_TAGS", "string", "Leadhub: метки", "ufCrmLeadhubTags"),
)
# Where a channel belongs among a portal's sources; what a portal has of these, in this order.
SOURCES = {
    "form": ("WEBFORM", "WEB"),
    "webchat": ("WEB",),
    "email": ("EMAIL",),
    "mango": ("CALL",),
    "uis": ("CALL",),
    "zadarma": ("CALL",),
}
OTHER_SOURCE = "OTHER"
_NOT_PLAIN = str.maketrans({"<": "‹", ">": "›", "[": "(", "]": ")"})
_REFERENCE = re.compile(r"\$(?=result)", re.I)


@dataclass(frozen=True)
class Stage:
    """A value of a portal's stage directory. `meaning`: "P" going on, "S" won, "F" lost."""

    id: str
    meaning: str


@dataclass(frozen=True)
class Directory:
    """What one portal has: its mode, its sources (id to name), its stages in order, our fields that exist there."""

    mode: int
    sources: Mapping[str, str]
    lead_stages: tuple[Stage, ...]
    deal_stages: tuple[Stage, ...]
    own_fields: frozenset[str] = frozenset()

    @property
    def card_type(self) -> int:
        """What an enquiry is in this portal: a lead, or where there are none a deal."""
        return DEAL if self.mode == SIMPLE else LEAD


@dataclass(frozen=True)
class Person:
    origin: str
    name: str
    phone: str  # E.164, "" unknown
    email: str
    channel: str  # where the person wrote from: «Telegram»


@dataclass(frozen=True)
class Visit:
    """An appointment. `starts_at` in the branch's zone; `status` as in booking."""

    origin: str
    title: str
    status: str
    price_kopecks: int
    starts_at: datetime
    ends_at: datetime
    staff: str = ""
    branch: str = ""


@dataclass(frozen=True)
class Call:
    """A task for a person. `number` makes its title the only one of its kind."""

    title: str
    number: str
    due_at: datetime
    is_done: bool
    responsible_id: int
    url: str


@dataclass(frozen=True)
class Enquiry:
    """A lead as the CRM is told of it. Titles are Russian words; `status` as in routing."""

    origin: str
    kind: str
    channel: str
    person: Person
    service: str
    branch: str
    summary: str
    intent: str
    score: int
    temperature: str
    tags: tuple[str, ...]
    is_urgent: bool
    is_taken: bool
    status: str
    responsible_id: int
    url: str
    promo: str = ""
    campaign: str = ""  # name of the advertisement
    page: str = ""
    claimed_phone: str = ""  # said, not proven
    utm: Mapping[str, str] = field(default_factory=dict)  # source, medium, campaign, content, term


# --- Cards -----------------------------------------------------------------------------------------------------------


def contact_fields(person: Person, *, responsible_id: int) -> Fields:
    """A contact. Its phone and e-mail stand apart, see `communications`."""
    return {
        "name": plain(person.name) or f"Клиент из {person.channel}",
        "assignedById": responsible_id,
        "originatorId": ORIGINATOR,
        "originId": person.origin,
    }


def communications(person: Person) -> list[dict[str, str]]:
    """The `fm` of a contact."""
    told = []
    if person.phone:
        told.append({"typeId": "PHONE", "valueType": "MOBILE", "value": person.phone})
    if person.email:
        told.append({"typeId": "EMAIL", "valueType": "WORK", "value": plain(person.email)})
    return told


def card_fields(enquiry: Enquiry, directory: Directory, *, contact: str, visit: Visit | None = None) -> Fields:
    """The card of an enquiry. `contact` is the contact's number, or a reference to it inside a batch.

    Without leads in the portal the card is a deal, and `visit` (the enquiry's latest) makes its amount and stage."""
    is_deal = directory.card_type == DEAL
    fields: Fields = {
        "title": _title(enquiry),
        **_source(enquiry, directory),
        **{f"utm{name.capitalize()}": plain(value)[:255] for name, value in enquiry.utm.items()},
        "comments": comments(enquiry, directory),
        "assignedById": enquiry.responsible_id,
        "contactId": contact,
        "originatorId": ORIGINATOR,
        "originId": enquiry.origin,
        **_own(enquiry, directory),
    }
    if is_deal:
        if visit:
            fields |= _visit_facts(visit, directory)
        elif stage := _lost(directory.deal_stages) if enquiry.status == "refused" else "":
            fields["stageId"] = stage
        return fields
    fields["name"] = plain(enquiry.person.name)
    if stage := _lead_stage(enquiry, directory.lead_stages):
        fields["stageId"] = stage
    return fields


def deal_fields(visit: Visit, enquiry: Enquiry, directory: Directory, *, contact: str, lead: str) -> Fields:
    """The deal of an appointment, beside the card of its enquiry."""
    return {
        "title": plain(f"{visit.title}, {visit.starts_at:%d.%m.%Y %H:%M}")[:250],
        **_visit_facts(visit, directory),
        **_source(enquiry, directory),
        **{f"utm{name.capitalize()}": plain(value)[:255] for name, value in enquiry.utm.items()},
        "comments": _visit_comments(visit, enquiry),
        "assignedById": enquiry.responsible_id,
        "contactId": contact,
        "leadId": lead,
        "originatorId": ORIGINATOR,
        "originId": visit.origin,
    }


def task_fields(call: Call, *, card_type: int, card_id: str) -> Fields:
    """A task bound to the card."""
    fields: Fields = {
        "TITLE": plain(f"{call.title} (№ {call.number})")[:250],
        "DESCRIPTION": f"Заявка в Leadhub: {call.url}",
        "DEADLINE": call.due_at.isoformat(timespec="seconds"),
        "RESPONSIBLE_ID": call.responsible_id,
        "UF_CRM_TASK": [f"{'D' if card_type == DEAL else 'L'}_{card_id}"],
    }
    if call.is_done:
        fields["STATUS"] = TASK_DONE
    return fields


def outcome_comment(outcome: str, visits: list[Visit]) -> str:
    """The line of a card's timeline when the enquiry has its outcome."""
    lines = [f"Leadhub: исход заявки: {outcome}."]
    lines += [f"Визит: {_visit_line(visit)}." for visit in visits]
    return "\n".join(lines)


# --- Their parts -----------------------------------------------------------------------------------------------------


def _title(enquiry: Enquiry) -> str:
    what = enquiry.service or enquiry.intent or "обращение"
    who = enquiry.person.name or enquiry.person.phone
    return plain(", ".join(filter(None, [what[:1].upper() + what[1:], who, enquiry.channel])))[:250]


def _source(enquiry: Enquiry, directory: Directory) -> Fields:
    """The portal's source of this channel; one it has not is told in words."""
    named = [id_ for id_, name in directory.sources.items() if enquiry.channel.lower() in name.lower()]
    wanted = [*named, *(id_ for id_ in SOURCES.get(enquiry.kind, ()) if id_ in directory.sources), OTHER_SOURCE]
    campaign = " / ".join(value for value in enquiry.utm.values() if value)
    fields: Fields = {"sourceDescription": plain(": ".join(filter(None, [enquiry.channel, campaign])))[:250]}
    if wanted[0] in directory.sources:
        fields["sourceId"] = wanted[0]
    return fields


def comments(enquiry: Enquiry, directory: Directory) -> str:
    """What has no field of its own, in lines; the score and its company too, where the portal has not our fields."""
    lines = [
        ("Хочет", enquiry.summary),
        ("Услуга", enquiry.service),
        ("Филиал", enquiry.branch),
        ("Срочно", "да" if enquiry.is_urgent else ""),
        ("С рекламы", enquiry.campaign),
        ("Промокод", enquiry.promo),
        ("Страница", enquiry.page),
        ("Телефон со слов клиента", "" if enquiry.person.phone else enquiry.claimed_phone),
    ]
    if not _has_own(directory):
        lines += [
            ("Балл", f"{enquiry.score} ({enquiry.temperature})"),
            ("Намерение", enquiry.intent),
            ("Метки", ", ".join(enquiry.tags)),
        ]
    lines.append(("Заявка в Leadhub", enquiry.url))
    return "\n".join(f"{name}: {plain(value)}" for name, value in lines if value)


def _own(enquiry: Enquiry, directory: Directory) -> Fields:
    if not _has_own(directory):
        return {}
    values = (enquiry.score, enquiry.temperature, enquiry.intent, plain(", ".join(enquiry.tags)))
    return {name: value for (_, _, _, name), value in zip(OWN_FIELDS, values, strict=True)}


def _has_own(directory: Directory) -> bool:
    return all(name in directory.own_fields for _, _, _, name in OWN_FIELDS)


def _lead_stage(enquiry: Enquiry, stages: tuple[Stage, ...]) -> str:
    """Where our events move a lead: taken, booked, refused. "" leaves it where the portal, or a person, has put it."""
    if enquiry.status == "refused":
        return _lost(stages)
    wanted = "PROCESSED" if enquiry.status == "booked" else "IN_PROCESS" if enquiry.is_taken else ""
    return wanted if any(stage.id == wanted for stage in stages) else ""


def _visit_facts(visit: Visit, directory: Directory) -> Fields:
    """Amount, days and stage of a deal by its visit."""
    stages = directory.deal_stages
    fields: Fields = {
        "opportunity": visit.price_kopecks / 100,
        "currencyId": "RUB",
        "begindate": visit.starts_at.date().isoformat(),
        "closedate": visit.ends_at.date().isoformat(),
    }
    if visit.status == "arrived":
        stage = next((stage.id for stage in stages if stage.meaning == "S"), "")
    elif visit.status in ("cancelled", "no_show"):
        stage = _lost(stages)
    else:
        stage = next((stage.id for stage in stages if stage.meaning == "P"), "")
    return fields | ({"stageId": stage} if stage else {})


def _lost(stages: tuple[Stage, ...]) -> str:
    return next((stage.id for stage in stages if stage.meaning == "F"), "")


def _visit_comments(visit: Visit, enquiry: Enquiry) -> str:
    return f"Визит: {_visit_line(visit)}\nЗаявка в Leadhub: {enquiry.url}"


def _visit_line(visit: Visit) -> str:
    parts = [visit.title, f"{visit.starts_at:%d.%m.%Y %H:%M}", visit.staff, visit.branch]
    return plain(", ".join(filter(None, parts)))


def plain(text: str) -> str:
    """One line without markup of the portal (BB codes, HTML) and without references of a batch."""
    text = " ".join("".join(letter for letter in text if letter.isprintable() or letter.isspace()).split())
    return _REFERENCE.sub("", text.translate(_NOT_PLAIN))


# --- What is new -----------------------------------------------------------------------------------------------------


def changed(fields: Fields, written: Mapping[str, str]) -> Fields:
    """The fields that differ from what we wrote last."""
    return {name: value for name, value in fields.items() if written.get(name) != digest(value)}


def digests(fields: Fields) -> dict[str, str]:
    return {name: digest(value) for name, value in fields.items()}


def digest(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


# --- Reading the portal's directories --------------------------------------------------------------------------------


def stages(rows: Any) -> tuple[Stage, ...]:
    """Stages of a `crm.status.list` in their order."""
    found = []
    for row in rows if isinstance(rows, list) else []:
        id_ = str(row.get("STATUS_ID") or "")
        told = str(row.get("SEMANTICS") or (row.get("EXTRA") or {}).get("SEMANTICS") or "P").upper()
        meaning = "S" if told.startswith("S") else "F" if told.startswith(("F", "A")) else "P"
        if id_:
            found.append((int(row.get("SORT") or 0), Stage(id_, meaning)))
    return tuple(stage for _, stage in sorted(found, key=lambda pair: pair[0]))


def sources(rows: Any) -> dict[str, str]:
    """Sources of a `crm.status.list`: id to name."""
    return {str(row["STATUS_ID"]): str(row.get("NAME") or "") for row in rows if row.get("STATUS_ID")} if rows else {}
