"""The decision record of a lead as a receptionist reads it: what was decided, when, why, and who was told.

Every kind of line that `record.add()` writes stands in KINDS. Stored lines keep the code's own words (keys of texts,
targets of rules); here they become the business's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from channels_app.models import Notice
from routing import config as configs
from routing import record, talks
from routing.models import Decision, Lead, Queue
from routing.record_rows import RecordDay, RecordDetail, RecordLine, RecordMoment, RecordView, ScorePart, ScoreView
from routing.rules import words
from routing.rules.targets import target_of
from tenants.business import texts
from tenants.business.models import ZONES, MatrixRole
from tenants.business.preferences import NoticeChannel

AT_ONCE = timedelta(seconds=1)  # lines that lie no farther apart are one moment


@dataclass(frozen=True)
class Kind:
    icon: str  # of static/vendor/tabler
    is_main: bool = False
    tone: str = ""


KINDS: dict[str, Kind] = {
    "understood": Kind("message"),
    "edited": Kind("note"),
    "corrected": Kind("sparkles", is_main=True),
    "scored": Kind("flame", is_main=True),
    "rule": Kind("list-check", is_main=True),
    "stage": Kind("chevron-right", is_main=True),
    "routed": Kind("robot", is_main=True),
    "assigned": Kind("user-plus", is_main=True),
    "taken": Kind("user-check", is_main=True, tone="good"),
    "handed_back": Kind("arrow-back-up", is_main=True),
    "handed_over": Kind("arrow-back-up", is_main=True),
    "declined": Kind("ban", is_main=True),
    "handed": Kind("users", is_main=True),
    "asked": Kind("help"),
    "informed": Kind("bell"),
    "clock": Kind("clock"),
    "warning": Kind("clock"),
    "put_off": Kind("clock", is_main=True),
    "breach": Kind("alert-triangle", is_main=True, tone="late"),
    "needs_call": Kind("phone-call", is_main=True),
    "task": Kind("check"),
    "answered": Kind("robot"),
    "replied": Kind("send", is_main=True),
    "said": Kind("send", is_main=True),
    "follow_up": Kind("history"),
    "booked": Kind("calendar-plus", is_main=True, tone="good"),
    "moved": Kind("calendar", is_main=True),
    "confirmed": Kind("checks", is_main=True, tone="good"),
    "arrived": Kind("user-check", is_main=True, tone="good"),
    "cancelled": Kind("x", is_main=True),
    "no_show": Kind("ban", is_main=True, tone="late"),
    "quarantined": Kind("lock", is_main=True),
    "flood": Kind("volume"),
    "campaign": Kind("tag", is_main=True),
    "taught": Kind("sparkles"),
    "released": Kind("shield-check", is_main=True),
    "reopened": Kind("refresh", is_main=True),
    "closed": Kind("check", is_main=True),
}
OTHER = Kind("info-circle")
NOTICES = {
    "hot_lead": "Горячая заявка",
    "urgent": "Срочно",
    "handover": "Нужен человек",
    "complaint": "Жалоба",
    "warning": "Срок скоро выйдет",
    "late": "Срок прошёл",
    "reassigned": "Что стало с заявкой",
    "silent": "Сотрудник не отвечает",
    "breach": "Нарушен срок",
    "consult": "Нужен совет",
    "informed": "Итог этапа",
    "nurture": "Вернуть клиента",
    "no_show": "Клиент не пришёл",
    "task": "Позвонить клиенту",
    "rule": "По правилу",
    "failure": "Сбой",
}
TRIES = {"sent": "принято", "failed": "не доставлено", "later": "не отвечает, попробуем ещё"}
_PARTS = {"свежесть": "recency", "намерение": "intent", "канал": "channel", "ценность": "ltv"}
_POINTS = re.compile(r"([+-]\d+): (.*)", re.DOTALL)
_KEY = re.compile(r"«([a-z]+(?:_[a-z0-9]+)*)»")  # a text's key in a title
_STOPS = {  # which line stops the clock of a «clock» line, by the beginning of its title
    "Взять": ("take", ("taken",)),
    "Ответить клиенту": ("person", ("replied", "said")),
    "Довести до записи": ("confirm", ("closed",)),
}
_HIDDEN = frozenset({"Сообщение"})  # ids, for the code alone


def record_view(lead: Lead, *, now: datetime, limit: int | None = None) -> RecordView:
    """The lead's record with the notices about it: the newest `limit` decisions, or all. Four queries at most."""
    found = lead.decisions.order_by("-pk")
    decisions = list(found[: limit + 1] if limit else found)
    is_cut = limit is not None and len(decisions) > limit
    decisions = decisions[:limit][::-1]
    notices = Notice.objects.filter(lead_id=lead.pk).select_related("staff").order_by("pk")
    if is_cut:
        notices = notices.filter(created_at__gte=decisions[0].created_at)
    zone = talks.zone_of(lead)
    days = days_of(decisions, list(notices), zone, now=now)
    return RecordView(lead.pk, days, dict(ZONES).get(str(zone), str(zone)), is_cut)


def days_of(
    decisions: Sequence[Decision], notices: Sequence[Notice], zone: ZoneInfo, *, now: datetime
) -> tuple[RecordDay, ...]:
    """Decisions (oldest first) and notices as days of moments, local to the zone."""
    known = _Known(decisions)
    events = [(line.created_at, known.line(line)) for line in decisions]
    events += [(group[0].created_at, _notice_line(group, zone)) for group in _grouped(notices)]
    events.sort(key=lambda event: event[0])
    today = now.astimezone(zone).date()
    moments = _moments(events, zone)
    return tuple(
        RecordDay(talks.day_title(day, today), tuple(of_day))
        for day, of_day in groupby(moments, key=lambda moment: moment.at.astimezone(zone).date())
    )


def _moments(events: Iterable[tuple[datetime, RecordLine]], zone: ZoneInfo) -> list[RecordMoment]:
    moments: list[RecordMoment] = []
    for at, line in events:
        if moments and at - moments[-1].at <= AT_ONCE:
            moments[-1] = replace(moments[-1], lines=(*moments[-1].lines, line))
        else:
            moments.append(RecordMoment(at, f"{at.astimezone(zone):%H:%M:%S}", (line,)))
    return moments


# --- Decisions ------------------------------------------------------------------------------------------------------


class _Known:
    """What lines need of each other and of the business, read once."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self._ends = _ends_of_clocks(decisions)
        self._waited = _waited(decisions)
        names_queue = any(line.kind == "rule" for line in decisions)
        self._queues = dict(Queue.objects.values_list("key", "name")) if names_queue else {}

    def line(self, decision: Decision) -> RecordLine:
        kind = KINDS.get(decision.kind, OTHER)
        details = tuple(self._details(decision))
        return RecordLine(
            key=f"decision-{decision.pk}",
            icon=kind.icon,
            title=_KEY.sub(lambda found: f"«{_texts(found[1])}»", decision.title),
            is_main=kind.is_main,
            tone=kind.tone,
            details=() if decision.kind == "scored" else details,
            score=_score(decision) if decision.kind == "scored" else None,
        )

    def _details(self, decision: Decision) -> Iterable[RecordDetail]:
        for line in decision.details:
            name, value = str(line.get("name", "")), str(line.get("value", ""))
            if name in _HIDDEN or not (name or value):
                continue
            if decision.kind == "rule":
                yield self._of_rule(name, value)
            elif decision.kind == "assigned" and name != "Почему":
                is_chosen = name.startswith("→ ")
                yield RecordDetail(name.removeprefix("→ "), value, "yes" if is_chosen else "no")
            elif decision.kind == "answered" and name == "Тексты":
                yield RecordDetail("О чём", _texts(value))
            else:
                yield RecordDetail(name, value)
        if waited := self._waited.get(decision.pk):
            yield RecordDetail("Взята", f"через {span(waited)} после назначения")
        if end := self._ends.get(decision.pk):
            yield end

    def _of_rule(self, name: str, value: str) -> RecordDetail:
        if name == "Условие":
            condition, _, holds = value.rpartition(": ")
            if not condition:
                return RecordDetail("Условие", value)
            return RecordDetail(condition, holds, "yes" if holds == "да" else "no")
        action = next((word for word in words.ACTIONS if word.title == name), None)
        if action is None:
            return RecordDetail(name, value)
        choice = words.choice_of(action.choices, value)
        if choice:
            return RecordDetail(name, choice.title)
        if action.value == "target":
            return RecordDetail(name, self._target(value))
        return RecordDetail(name, _texts(value) if action.key == "reply" else value)

    def _target(self, value: str) -> str:
        target = target_of(value)
        if target.kind == "queue":
            return f"очередь «{self._queues.get(target.key, target.key)}»"
        return {
            "role": f"роль: {_role(target.key)}",
            "matrix": f"по матрице, буква {target.key}",
            "shift": {"morning": "утренняя смена", "day": "дневная смена"}.get(target.key, "вечерняя смена"),
            "backup": "резервный сотрудник",
            "previous": "кто вёл клиента раньше",
            "branch": f"филиал «{target.key}»",
        }.get(target.kind, value)


def _role(key: str) -> str:
    return str(MatrixRole(key).label).lower() if key in MatrixRole.values else key


def _texts(keys: str) -> str:
    """Titles of the texts that the assistant said, by their keys."""
    known = texts.catalogue()
    return ", ".join(known[key].title if key in known else key.replace("_", " ") for key in keys.split(", "))


def _score(decision: Decision) -> ScoreView:
    """The parts as they were that moment, from the line's own words."""
    parts = []
    for line in decision.details:
        if told := _POINTS.fullmatch(str(line.get("value", ""))):
            name = line["name"]
            parts.append(ScorePart(_PARTS.get(name, "modifier"), name.capitalize(), int(told[1]), 0, told[2]))
    weights = configs.load().weights
    total = int(found[0]) if (found := re.search(r"\d+", decision.title)) else 0
    heat = "hot" if total >= weights.hot_from else "warm" if total >= weights.warm_from else "cold"
    return ScoreView(total, heat, tuple(parts), weights.hot_from, weights.warm_from, decision.created_at)


def _waited(decisions: Sequence[Decision]) -> dict[int, timedelta]:
    """How long each taken lead had lain with its person, by the number of the line «taken»."""
    given, waited = None, {}
    for line in decisions:
        if line.kind == "assigned":
            given = line.created_at
        elif line.kind == "taken" and given:
            waited[line.pk], given = line.created_at - given, None
    return waited


def _ends_of_clocks(decisions: Sequence[Decision]) -> dict[int, RecordDetail]:
    """What became of each clock that the record tells of, by the number of its line; a running one has no end."""
    ends: dict[int, RecordDetail] = {}
    running: dict[str, Decision] = {}
    for line in decisions:
        if line.kind == "clock":
            title = line.title.partition(":")[0]
            if title in _STOPS:
                clock = _STOPS[title][0]
                if clock in running:
                    ends[running[clock].pk] = RecordDetail("Итог", "пущены заново")
                running[clock] = line
        elif line.kind == "breach":
            clock = record.facts_of(line.details).get("clock", "")
            if started := running.pop({"silence": "person"}.get(clock, clock), None):
                ends[started.pk] = RecordDetail("Итог", "срок нарушен", "no")
        else:
            for clock, stops in _STOPS.values():
                if line.kind in stops and (started := running.pop(clock, None)):
                    took = span(line.created_at - started.created_at)
                    ends[started.pk] = RecordDetail("Итог", f"в срок, за {took}", "yes")
    return ends


# --- Notices --------------------------------------------------------------------------------------------------------


def _grouped(notices: Sequence[Notice]) -> list[list[Notice]]:
    """Notices of the same words at the same moment: one line for all who got them."""
    groups: dict[tuple, list[Notice]] = {}
    for notice in notices:
        groups.setdefault((notice.created_at, notice.kind, notice.text), []).append(notice)
    return list(groups.values())


def _notice_line(notices: Sequence[Notice], zone: ZoneInfo) -> RecordLine:
    first = notices[0]
    people = ", ".join(notice.staff.name for notice in notices)
    details = [RecordDetail("Текст", first.text)]
    for notice in notices:
        details.append(RecordDetail(notice.staff.name, told_of(notice, zone), "yes" if notice.seen_at else ""))
    title = f"Уведомление «{NOTICES.get(first.kind, 'Заявка')}»: {people}"
    return RecordLine(f"notice-{first.pk}", "bell", title, is_main=False, details=tuple(details))


def told_of(notice: Notice, zone: ZoneInfo) -> str:
    """How the person was told and what they did: «Telegram: принято 12:00:00; «Взять» в 12:00:15: Вы ведёте заявку»."""

    def at(moment: datetime) -> str:
        return f"{moment.astimezone(zone):%H:%M:%S}"

    told = []
    for one in notice.tries:
        if one["state"] in TRIES:
            why = f": {one['error']}" if one.get("error") else ""
            shown = f", показано {at(datetime.fromisoformat(one['shown_at']))}" if one.get("shown_at") else ""
            name = NoticeChannel(one["channel"]).label
            told.append(f"{name}: {TRIES[one['state']]} {at(datetime.fromisoformat(one['at']))}{why}{shown}")
    if notice.answer and notice.answered_at:
        pressed = Notice.Answer(notice.answer).label.capitalize()
        told.append(f"«{pressed}» в {at(notice.answered_at)}: {notice.outcome}")
    elif notice.seen_at:
        told.append(f"увидено через {span(notice.seen_at - notice.created_at)}")
    else:
        told.append(notice.outcome or "ещё не увидено")
    return "; ".join(told)


def span(length: timedelta) -> str:
    """«42 с», «3 мин», «2 ч 5 мин», «3 дн»."""
    seconds = max(int(length.total_seconds()), 0)
    if seconds < 60:
        return f"{seconds} с"
    if seconds < 3600:
        return f"{seconds // 60} мин"
    if seconds < 86400:
        rest = seconds % 3600 // 60
        return f"{seconds // 3600} ч" + (f" {rest} мин" if rest else "")
    return f"{seconds // 86400} дн"
