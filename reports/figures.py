"""The catalogue of figures: name, how it is counted and told, what it should be, which leads stand behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from reports import kpi, words
from reports.facts import LeadFact, VisitFact
from reports.kpi import Slice

Picked = Sequence[LeadFact] | Sequence[VisitFact]


@dataclass(frozen=True)
class Target:
    """The most (or the least) that a figure should be; in the figure's own unit."""

    value: float
    is_most: bool = True

    def is_missed_by(self, value: float | None) -> bool:
        if value is None:
            return False
        return value > self.value if self.is_most else value < self.value

    def told(self, unit: str) -> str:
        if self.is_most and self.value == 0:
            return "цель: 0"
        return f"цель: не {'больше' if self.is_most else 'меньше'} {words.written(self.value, unit)}"


@dataclass(frozen=True)
class Figure:
    """`value` tells the number, `picks` the leads or visits behind it, `part` (counted, of how many) a share's parts.

    `rest`: the figure whose list holds those that did not get into this one."""

    key: str
    title: str
    unit: str
    how: str
    value: Callable[[Slice], float | None]
    picks: Callable[[Slice], Picked]
    target: Target | None = None
    part: Callable[[Slice], tuple[int, int]] | None = None
    list_title: str = ""
    rest: str = ""
    of: Literal["leads", "visits"] = "leads"
    needs_spend: bool = False
    ripens: bool = False  # today's leads may yet reach the target: it is not missed before the day is over


FIGURES: tuple[Figure, ...] = (
    Figure(
        "incoming",
        "Новые заявки",
        "count",
        "Заявки, созданные за период. Проверочные заявки и карантин не считаются.",
        lambda part: len(part.leads),
        lambda part: part.leads,
        list_title="Все заявки",
    ),
    Figure(
        "answer",
        "Первый ответ",
        "seconds",
        "От первого сообщения клиента до ответа по существу, принятого мессенджером; середина по всем "
        "заявкам с ответом. «Спасибо, мы ответим» ответом не считается.",
        lambda part: kpi.spread(lead.answer_seconds for lead in part.leads).median,
        lambda part: part.answered,
        Target(3),
        list_title="Заявки с ответом, самые долгие сверху",
    ),
    Figure(
        "answer_assistant",
        "Первый ответ ассистента",
        "seconds",
        "То же по заявкам, на которые первым ответил ассистент.",
        lambda part: kpi.answers(part.leads).assistant.median,
        lambda part: part.answered_by("assistant"),
        Target(3),
        list_title="Первым ответил ассистент",
    ),
    Figure(
        "answer_person",
        "Первый ответ человека",
        "seconds",
        "То же по заявкам, на которые первым ответил сотрудник.",
        lambda part: kpi.answers(part.leads).person.median,
        lambda part: part.answered_by("staff"),
        Target(180),
        list_title="Первым ответил сотрудник",
    ),
    Figure(
        "missed",
        "Пропущенные",
        "count",
        "Заявки без ответа по существу в течение 60 минут рабочего времени филиала; пропущенный звонок, "
        "на который за это время не перезвонили.",
        lambda part: len(part.missed),
        lambda part: part.missed,
        Target(0),
        list_title="Пропущенные заявки",
    ),
    Figure(
        "unprocessed",
        "Не обработаны за сутки",
        "count",
        "Заявки, которые через 24 часа после первого сообщения были без исхода: не записаны, не отказ, "
        "не отложены. Более свежие ещё не считаются.",
        lambda part: len(part.unprocessed) if part.ripe else None,
        lambda part: part.unprocessed,
        Target(0),
        part=lambda part: (len(part.unprocessed), len(part.ripe)),
        list_title="Не обработаны за сутки",
    ),
    Figure(
        "handling",
        "До исхода",
        "seconds",
        "От первого сообщения клиента до исхода заявки (запись, отказ, возврат позже); середина по закрытым заявкам.",
        lambda part: kpi.spread(lead.handling_seconds for lead in part.leads).median,
        lambda part: part.handled,
        list_title="Заявки с исходом",
    ),
    Figure(
        "conversion",
        "Заявка → запись",
        "percent",
        "Доля заявок периода, клиенты которых записались в течение 30 дней, в чате или по телефону.",
        lambda part: part.conversion,
        lambda part: part.booked,
        Target(0.4, is_most=False),
        part=lambda part: (len(part.booked), len(part.leads)),
        list_title="Записались",
        rest="not_booked",
        ripens=True,
    ),
    Figure(
        "repeated",
        "Повторные обращения",
        "count",
        "Заявки клиентов, которые уже писали за последние 7 дней и между обращениями не записались.",
        lambda part: len({lead.contact_id for lead in part.repeated}),
        lambda part: part.repeated,
        list_title="Повторные обращения без записи",
    ),
    Figure(
        "confirmed",
        "Подтверждённые визиты",
        "percent",
        "Визиты, подтверждённые клиентом, среди всех визитов этих дней; отменённые не считаются, "
        "перенесённый считается один раз, по новому времени.",
        lambda part: part.confirmed_share,
        lambda part: part.confirmed,
        Target(0.6, is_most=False),
        part=lambda part: (len(part.confirmed), len(part.due)),
        list_title="Подтверждённые визиты",
        rest="unconfirmed",
        of="visits",
    ),
    Figure(
        "no_show",
        "Не пришли",
        "percent",
        "Неявки среди визитов, у которых отмечен итог: не пришёл / (не пришёл + пришёл).",
        lambda part: part.no_show_share,
        lambda part: part.no_shows,
        Target(0.1),
        part=lambda part: (len(part.no_shows), len(part.no_shows) + len(part.arrived)),
        list_title="Не пришли",
        rest="arrived",
        of="visits",
    ),
    Figure(
        "revenue",
        "Выручка",
        "money",
        "Сумма цен состоявшихся визитов этих дней.",
        lambda part: part.revenue_kopecks,
        lambda part: part.arrived,
        list_title="Состоявшиеся визиты",
        of="visits",
    ),
    Figure(
        "arpu",
        "Выручка с клиента",
        "money",
        "Выручка / клиенты, которые пришли в эти дни.",
        lambda part: part.arpu_kopecks,
        lambda part: part.arrived,
        list_title="Состоявшиеся визиты",
        of="visits",
    ),
    Figure(
        "new_clients",
        "Новые клиенты",
        "count",
        "Клиенты, у которых в эти дни состоялся первый визит.",
        lambda part: len(part.new_clients),
        lambda part: part.new_clients,
        list_title="Первые визиты новых клиентов",
        of="visits",
    ),
    Figure(
        "cpl",
        "Цена заявки",
        "money",
        "Расход на рекламу / все заявки периода. По источникам смотрите таблицу ниже.",
        lambda part: part.cpl_kopecks,
        lambda part: part.leads,
        list_title="Все заявки",
        needs_spend=True,
    ),
    Figure(
        "cac",
        "Цена нового клиента",
        "money",
        "Расход на рекламу / новые клиенты, у которых в эти дни состоялся первый визит.",
        lambda part: part.cac_kopecks,
        lambda part: part.new_clients,
        list_title="Первые визиты новых клиентов",
        of="visits",
        needs_spend=True,
    ),
    Figure(
        "hours_saved",
        "Сэкономлено ассистентом",
        "hours",
        "Сообщения ассистента × 1,5 мин + записи, которые он сделал сам, × 4 мин.",
        lambda part: part.hours_saved,
        lambda part: part.answered_by("assistant"),
        list_title="Первым ответил ассистент",
    ),
)

# Lists that stand behind a step of the funnel, or complete a share.
LISTS: tuple[Figure, ...] = (
    Figure(
        "answered",
        "Получили ответ",
        "count",
        "Заявки, на которые ответили по существу.",
        lambda part: len(part.answered),
        lambda part: part.answered,
    ),
    Figure(
        "offered",
        "Предложено время",
        "count",
        "Заявки, в которых клиенту назвали свободное время или он выбрал его сам.",
        lambda part: len(part.offered),
        lambda part: part.offered,
    ),
    Figure(
        "booked",
        "Записались",
        "count",
        "Заявки, клиенты которых записались в течение 30 дней.",
        lambda part: len(part.booked),
        lambda part: part.booked,
        rest="not_booked",
    ),
    Figure(
        "not_booked",
        "Не записались",
        "count",
        "Заявки периода, клиенты которых пока не записались (или записались позже 30 дней).",
        lambda part: len(part.not_booked),
        lambda part: part.not_booked,
        rest="booked",
    ),
    Figure(
        "came",
        "Пришли",
        "count",
        "Заявки, клиенты которых пришли на визит, записанный в течение 30 дней.",
        lambda part: len(part.came),
        lambda part: part.came,
    ),
    Figure(
        "due",
        "Визиты",
        "count",
        "Визиты этих дней, кроме отменённых.",
        lambda part: len(part.due),
        lambda part: part.due,
        of="visits",
    ),
    Figure(
        "unconfirmed",
        "Не подтверждённые визиты",
        "count",
        "Визиты этих дней, которые клиент не подтвердил; отменённые не считаются.",
        lambda part: len(part.unconfirmed),
        lambda part: part.unconfirmed,
        rest="confirmed",
        of="visits",
    ),
    Figure(
        "arrived",
        "Пришли на визит",
        "count",
        "Визиты этих дней, которые состоялись.",
        lambda part: len(part.arrived),
        lambda part: part.arrived,
        rest="no_show",
        of="visits",
    ),
)

# What a person took, told by assignments and not by the facts of leads.
TAKEN = Figure(
    "taken",
    "Взятые заявки",
    "count",
    "Заявки, которые сотрудник взял в эти дни.",
    lambda part: None,
    lambda part: (),
)

# Terms that were broken, told by the decision records.
BREACHES = Figure(
    "breaches",
    "Нарушенные сроки",
    "count",
    "Заявки, по которым в эти дни вышел срок: взять, ответить, довести до записи.",
    lambda part: None,
    lambda part: (),
)

# What marketing is handed: clients who did not book and fell silent, or said that they will think.
NURTURE = Figure(
    "nurture",
    "Возврат клиентов",
    "count",
    "Заявки, которые в эти дни перешли на этап «Возврат клиента»: клиент не ответил на напоминания или думает. "
    "Видно, откуда он пришёл и чего хотел.",
    lambda part: None,
    lambda part: (),
)

TODAY = ("incoming", "answer", "missed", "conversion", "confirmed", "no_show")
BY_KEY = {figure.key: figure for figure in (*FIGURES, *LISTS, TAKEN, BREACHES, NURTURE)}
