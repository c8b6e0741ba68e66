"""One turn of a conversation while it is made: what is known, what will be said, what was done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from assistant import cues, words
from assistant.desk import Booked, Desk, Opening, StaffInfo
from assistant.memory import Memory
from assistant.text import lemmas
from assistant.understanding import DateTimeSlot, ServiceInfo, ServiceSlot, Understanding

LISTED_SERVICES = 6  # lines of the price list in one message
CHOICES_SHOWN = 8  # quick replies under one message


@dataclass(frozen=True)
class Say:
    """One text of the catalogue with its values; `choices` are labels of quick replies, at most 40 characters each."""

    key: str
    params: dict[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """What one message led to. The texts of `says` make one message, the last choices are its quick replies.

    `acts_on_intent`: the answer does or asks something about what was wanted (an acknowledgement does not).
    `stage` names the responsibility-matrix stage the conversation is in; `facts` are ids and marks for the record."""

    state: dict[str, Any]
    says: list[Say]
    acts_on_intent: bool
    facts: dict[str, Any]
    stage: str


@dataclass
class Talk:
    """The turn being made. Moves read the message here, act at the desk and say texts."""

    memory: Memory
    understanding: Understanding
    desk: Desk
    text: str
    says: list[Say] = field(default_factory=list)
    acted: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    handed_stage: str = ""
    renamed: bool = False  # the message corrected the client's own name

    def say(self, key: str, *, choices: Sequence[str] = (), acts: bool = True, **params: str) -> None:
        """Add a text; `acts` False for one that only acknowledges."""
        self.says.append(Say(key, params, tuple(choices)))
        self.acted = self.acted or acts

    def hand_over(
        self, reason: str, *, stage: str = "qualification", urgent: bool = False, key: str | None = None
    ) -> None:
        """Call a person and say so: by `key`, or the usual sentence for the hour; "" says nothing."""
        self.desk.hand_over(reason=reason, stage=stage, urgent=urgent)
        self.facts["handed_over"] = reason
        self.handed_stage = self.memory.handed = stage
        if key is not None:
            if key:
                self.say(key, acts=False)
        elif self.desk.is_open_at(self.desk.now):
            self.say("hand_over", acts=False)
        else:
            self.say("hand_over_night", hours=self.desk.opening_hours_text(), acts=False)

    def once(self, question: str) -> None:
        """A question got its answer; the same again is no progress."""
        if question not in self.memory.answered:
            self.memory.answered.append(question)

    @property
    def now(self) -> datetime:
        """Naive local time of the branch."""
        return self.local(self.desk.now)

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.desk.zone).replace(tzinfo=None)

    def aware(self, local: datetime) -> datetime:
        return local.replace(tzinfo=self.desk.zone)

    @cached_property
    def staff(self) -> Sequence[StaffInfo]:
        """Everybody clients may be booked to."""
        return self.desk.staff()

    @property
    def slot(self) -> DateTimeSlot | None:
        """What the message says of time, the first thing if several."""
        return next(iter(self.understanding.slots.datetime), None)

    @property
    def named_services(self) -> list[int]:
        """Lines of the price list that the message names."""
        known = {service.id for service in self.desk.services()}
        slots = self.understanding.slots.service
        found = [
            slot.service_id
            for before, slot in zip((None, *slots), slots, strict=False)
            if not self._is_of(before, slot)
        ]
        return list(dict.fromkeys(each for each in found if each is not None and each in known))

    def _is_of(self, before: ServiceSlot | None, slot: ServiceSlot) -> bool:
        """«татуаж бровей»: brows are only what the unknown thing is done to."""
        if before is None or before.service_id is not None:
            return False
        return cues.plain(f"{before.text} {slot.text}") in cues.plain(self.text)

    def services(self, ids: Sequence[int]) -> list[ServiceInfo]:
        by_id = {service.id: service for service in self.desk.services()}
        return [by_id[each] for each in ids if each in by_id]

    @cached_property
    def known_words(self) -> frozenset[str]:
        """Dictionary forms of all words that the price list and the team are called by."""
        told = [text for each in self.desk.services() for text in (each.name, each.category, *each.synonyms)]
        told += [text for person in self.staff for text in (person.name, person.about)]
        return frozenset(form for text in told for word in cues.tokens(text) for form in lemmas(word))

    @property
    def all_services(self) -> list[int]:
        """Of the client and of the guest who comes along."""
        memory = self.memory
        return [*memory.services, *(memory.guest_services if memory.beside else ())]

    def service_words(self, ids: Sequence[int]) -> str:
        """«Стрижка и маникюр»."""
        names = list(dict.fromkeys(service.name for service in self.services(ids)))
        return words.names(names)

    def price_lines(self, services: Sequence[ServiceInfo]) -> str:
        """«Маникюр — 1 800 ₽, 1 час 30 минут», one a line."""
        return "\n".join(
            f"{each.name} — {words.price_range(each.price_kopecks, each.price_to_kopecks)}, "
            f"{words.duration(each.duration_minutes)}"
            for each in services
        )

    def total_price(self, ids: Sequence[int]) -> str:
        chosen = self.services(ids)
        lower = sum(each.price_kopecks for each in chosen)
        return words.price_range(lower, sum(each.price_to_kopecks or each.price_kopecks for each in chosen))

    def moment(self, start: datetime) -> str:
        return words.moment(self.local(start), self.now)

    def opening_line(self, opening: Opening) -> str:
        if not opening.then:
            return f"{self.moment(opening.start)}, {opening.staff_name}"
        lines = []
        for number, part in enumerate(opening.parts):
            same_day = number and self.local(part.start).date() == self.local(opening.start).date()
            when = f"в{words.NO_BREAK}{words.clock(self.local(part.start))}" if same_day else self.moment(part.start)
            service = words.small(self.service_words(part.service_ids))
            lines.append(f"{when}: {service}, {part.staff_name}{self._whose(number)}")
        return "; ".join(lines)

    def _whose(self, number: int) -> str:
        """Whom a part of several is for, where two clients come."""
        memory = self.memory
        return f" ({memory.guest_name or memory.guest or 'второй гость'})" if memory.beside and number else ""

    def part_lines(self, opening: Opening) -> str:
        """The parts of an opening, one a line."""
        return words.bulleted(
            f"{words.small(self.service_words(part.service_ids))}, {self.moment(part.start)}, "
            f"{part.staff_name}{self._whose(number)}"
            for number, part in enumerate(opening.parts)
        )

    def opening_lines(self, openings: Sequence[Opening]) -> str:
        return words.numbered(self.opening_line(opening) for opening in openings)

    def opening_labels(self, openings: Sequence[Opening], *more: str) -> tuple[str, ...]:
        return (*(words.label(self.local(opening.start)) for opening in openings), *more)

    def visit_line(self, booked: Booked) -> str:
        """«Маникюр, завтра, в среду 25 ноября, в 15:00, Анна»."""
        whose = f", для: {booked.for_whom}" if booked.for_whom else ""
        return f"{words.names(booked.service_names)}, {self.moment(booked.start)}, {booked.staff_name}{whose}"

    def visit_label(self, booked: Booked) -> str:
        return words.label(self.local(booked.start))

    def service_labels(self, services: Sequence[ServiceInfo], *more: str) -> tuple[str, ...]:
        return (*(service.name[:40] for service in services[: CHOICES_SHOWN - len(more)]), *more)

    def not_understood(self, key: str = "unclear", **params: str) -> None:
        """Ask again; the second time in a row a person is called."""
        memory = self.memory
        memory.misses += 1
        if memory.handed:
            if not memory.told_waiting:
                self.say("still_waiting", acts=False)
                memory.told_waiting = True
        elif memory.misses >= 2:
            self.hand_over("дважды не понято")
        else:
            self.say(key, choices=(cues.PERSON,), acts=False, **params)
