"""The try-out console's page: what it may be set to, what to write, what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.utils.dateparse import parse_datetime

from inbox.tryout import facts, playing
from inbox.tryout.dialogue import KINDS, MOST_TURNS, Client, Dialogue
from inbox.tryout.rows import ConsoleView, Outcome, Played
from inbox.tryout.saved import DEFAULT
from routing import config as configs
from routing.config import Config
from routing.rows import Choice
from tenants.models import ChannelKind

TIMES = {"now": "сейчас", "night": "ближайшей ночью в 03:00", "noon": "завтра в 12:00", "other": "в другой момент"}
FURTHEST = timedelta(days=366)  # from now, back and ahead


def moment_of(when: str, told: str, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    """When the client writes, aware: one of TIMES, `told` is local time as a browser writes it. None: no such time."""
    local = now.astimezone(zone)
    if when == "night":
        days = 0 if local.time() < time(3) else 1
        return datetime.combine(local.date() + timedelta(days=days), time(3), zone)
    if when == "noon":
        return datetime.combine(local.date() + timedelta(days=1), time(12), zone)
    if when == "other":
        return _told(told, now=now, zone=zone)
    return now


def _told(told: str, *, now: datetime, zone: ZoneInfo) -> datetime | None:
    try:
        moment = parse_datetime(told)
    except ValueError:
        return None
    if moment is None or moment.tzinfo is not None:
        return None
    moment = moment.replace(tzinfo=zone)
    return moment if abs(moment - now) <= FURTHEST else None


def console_view(
    dialogue: Dialogue, played: Played, *, when: str, shown: int | None = None, text: str = "", error: str = ""
) -> ConsoleView:
    """`shown`: the number of the turn whose reading is open; the last one when None."""
    config = configs.load()
    turns = {turn.number: turn for turn in played.turns}
    return ConsoleView(
        sealed=dialogue.seal(),
        played=played,
        shown=turns.get(shown or 0) or played.last,
        kinds=tuple(Choice(kind, str(ChannelKind(kind).label), kind == dialogue.kind) for kind in KINDS),
        clients=tuple(Choice(value, title, value == dialogue.client) for value, title in Client.choices),
        times=tuple(Choice(value, title, value == when) for value, title in TIMES.items()),
        begins_at=dialogue.at,
        examples=tuple(examples(config)),
        can_ask_model=playing.can_ask_model(config.settings),
        with_model=dialogue.with_model,
        checks=facts.choices(DEFAULT),
        text=text,
        error=error,
        is_full=len(dialogue.turns) >= MOST_TURNS,
    )


def nothing_played() -> Played:
    return Played((), Outcome())


def examples(config: Config) -> Iterator[str]:
    """What clients write, with this business's own services in it."""
    names = [service.name.lower() for service in config.price_list]
    if names:
        yield f"Здравствуйте! Сколько стоит {names[0]}?"
        yield f"Хочу записаться: {names[min(1, len(names) - 1)]}, завтра после 15:00"
    if config.settings.is_clinical:
        yield "Сильная острая боль, щека опухла, что делать?"
    yield "Где вы находитесь и до скольки работаете?"
    yield "Хочу перенести запись на другой день"
    yield "Отмените, пожалуйста, мою запись"
    yield "Ужасно сделали, я недовольна, верните деньги!"
    yield "Позовите человека"
