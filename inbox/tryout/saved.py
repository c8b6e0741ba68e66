"""Tried talks kept as checks: saved with what came of them, played again, compared."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from django.db.models import QuerySet

from assistant.phones import find_phones
from assistant.text import normalise
from contacts.models import Contact, Identity
from inbox.models import SavedDialogue
from inbox.tryout import facts, playing
from inbox.tryout.dialogue import Dialogue, Turn, next_time_like
from inbox.tryout.rows import FactView, Played, SavedTurnView, SavedView
from routing import config as configs
from routing.scoring import CHANNEL_TITLES

MOST = 60  # checks of one business
LONGEST_TITLE = 120  # characters
Check = SavedDialogue.Check
DEFAULT = (Check.MEANING, Check.PRICE, Check.WHO, Check.BOOKED)
_WEEKDAYS = ("понедельник", "вторник", "среда", "четверг", "пятница", "суббота", "воскресенье")


class NotSaved(Exception):
    """str() says why in Russian."""


# --- Verbs ------------------------------------------------------------------------------------------------------------


def save(dialogue: Dialogue, *, title: str, checks: Collection[str], by: str, now: datetime) -> SavedDialogue:
    """Keep the talk as a check with what comes of it now, read without a language model. Raises NotSaved, Busy.

    It is played once as a check at once: what another day would change is seen while it is still known why."""
    title = " ".join(title.split())[:LONGEST_TITLE]
    if not title:
        raise NotSaved("Назовите проверку: по названию её найдут через месяц.")
    if not dialogue.turns:
        raise NotSaved("В диалоге ещё нет ни одного сообщения.")
    if SavedDialogue.objects.count() >= MOST:
        raise NotSaved(f"Проверок уже {MOST}: удалите те, что больше не нужны.")
    if _names_a_client(dialogue):
        raise NotSaved("В диалоге телефон настоящего клиента. Замените его другим номером и сохраните снова.")
    _, played = playing.play(_unread(dialogue))
    calendar = configs.load().calendars[configs.load().branches[0].pk]
    local = dialogue.at.astimezone(calendar.zone)
    saved = SavedDialogue.objects.create(
        title=title,
        kind=dialogue.kind,
        client=dialogue.client,
        weekday=local.weekday(),
        at=local.time().replace(second=0, microsecond=0),
        was_open=calendar.is_open(dialogue.at),
        turns=_turns(dialogue, played),
        checks=_known(checks),
        saved_by=by[:120],
        created_at=now,
    )
    return run(saved, now=now)


def run(saved: SavedDialogue, *, now: datetime) -> SavedDialogue:
    """Play the check in the current tenant and keep how it ended. Raises Busy."""
    faults, _ = compare(saved, now=now)
    saved.faults, saved.run_at = faults, now
    saved.save(update_fields=["faults", "run_at"])
    return saved


def compare(saved: SavedDialogue, *, now: datetime) -> tuple[list[str], Played]:
    """What is not as it was saved, in Russian, and how the talk went; keeps nothing. Raises Busy."""
    _, played = playing.play(dialogue_of(saved, now=now))
    found = [
        f"Сообщение {turn.number}, {difference}"
        for turn, kept in zip(played.turns, saved.turns, strict=True)
        for difference in facts.differences(kept["facts"], turn.facts, saved.checks)
    ]
    return found + [f"Работа «{name}» закончилась ошибкой" for name in played.outcome.failed], played


def accept(saved: SavedDialogue, *, now: datetime) -> SavedDialogue:
    """What comes of the talk today is right from now on. Raises Busy."""
    dialogue = dialogue_of(saved, now=now)
    _, played = playing.play(dialogue)
    saved.turns, saved.faults, saved.run_at = _turns(dialogue, played), [], now
    saved.save(update_fields=["turns", "faults", "run_at"])
    return saved


def change(saved: SavedDialogue, *, title: str, checks: Collection[str]) -> SavedDialogue:
    """Another name, other things to look at; the last result speaks of what was looked at then. Raises NotSaved."""
    title = " ".join(title.split())[:LONGEST_TITLE]
    if not title:
        raise NotSaved("Название не может быть пустым.")
    if set(saved.checks) != set(_known(checks)):
        saved.run_at, saved.faults = None, []
    saved.title, saved.checks = title, _known(checks)
    saved.save(update_fields=["title", "checks", "run_at", "faults"])
    return saved


def dialogue_of(saved: SavedDialogue, *, now: datetime) -> Dialogue:
    """The saved talk on the next day like its own."""
    calendar = configs.load().calendars[configs.load().branches[0].pk]
    at = next_time_like(saved.weekday, saved.at, saved.was_open, calendar, now=now)
    begun = Dialogue.begin(at=at, kind=saved.kind, client=saved.client)
    return replace(begun, turns=tuple(Turn(turn["text"]) for turn in saved.turns))


def _unread(dialogue: Dialogue) -> Dialogue:
    return replace(dialogue, with_model=False, turns=tuple(Turn(turn.text) for turn in dialogue.turns))


def _turns(dialogue: Dialogue, played: Played) -> list[dict]:
    return [{"text": said.text, "facts": turn.facts} for said, turn in zip(dialogue.turns, played.turns, strict=True)]


def _known(checks: Collection[str]) -> list[str]:
    return [value for value in Check.values if value in checks]


def _names_a_client(dialogue: Dialogue) -> bool:
    """A real client's phone must not stay in a check."""
    phones = [slot.e164 for turn in dialogue.turns for slot, _ in find_phones(normalise(turn.text))]
    if not phones:
        return False
    is_claimed = Identity.objects.filter(claimed_phone__in=phones).exists()
    return is_claimed or Contact.objects.filter(phone__in=phones).exists()


# --- The list ---------------------------------------------------------------------------------------------------------


def all_saved() -> QuerySet[SavedDialogue]:
    return SavedDialogue.objects.order_by("pk")


def view_of(saved: SavedDialogue) -> SavedView:
    return SavedView(
        id=saved.pk,
        title=saved.title,
        about=about(saved),
        saved_by=saved.saved_by,
        created_at=saved.created_at,
        run_at=saved.run_at,
        state="" if saved.run_at is None else "bad" if saved.faults else "good",
        faults=tuple(saved.faults),
        checks=facts.choices(saved.checks),
        turns=tuple(
            SavedTurnView(
                turn["text"],
                tuple(
                    FactView(facts.TITLES[name], facts.in_words(name, turn["facts"][name]), name in saved.checks)
                    for name in Check.values
                ),
            )
            for turn in saved.turns
        ),
    )


def about(saved: SavedDialogue) -> str:
    """«чат на сайте, новый клиент, среда 15:00»."""
    client = {"new": "новый клиент", "known": "клиент уже был", "booked": "клиент записан"}[saved.client]
    return f"{CHANNEL_TITLES.get(saved.kind, saved.kind)}, {client}, {_WEEKDAYS[saved.weekday]} {saved.at:%H:%M}"
