"""What a scenario may expect of a step. Facts are compared with the business's own rows, never with the reply itself.

A check takes what was heard and the expected value, and gives the faults as Russian sentences.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import combinations
from typing import Any

from agency.acceptance.playing import PHONE, Heard, Play
from assistant import choices, words
from assistant.models import KnowledgeEntry
from booking.models import Appointment
from channels_app.models import Notice
from contacts.models import Consent
from routing import config
from tenants.business.calendar import hours_text, load_calendars, load_rotas
from tenants.business.models import Service, StaffMember

Faults = Iterator[str]
CHECKS: dict[str, Callable[[Heard, Any], Faults]] = {}

_AMOUNT = re.compile(r"(?:от\s+([\d\s]+?)\s+до\s+)?(\d[\d\s]*)(?:,\d\d)?\s*(?:₽|руб)")
_CAME = {"booked": ("booked", "confirmed"), "confirmed": ("confirmed",), "cancelled": ("cancelled",)}


def faults_of(heard: Heard, expect: Mapping[str, Any]) -> list[str]:
    """What is wrong with a step; whatever was expected, no sum may reach a client that the business does not name."""
    found = [fault for key, value in expect.items() for fault in CHECKS[key](heard, value)]
    return found + list(_invented_sums(heard))


def check(function: Callable[[Heard, Any], Faults]) -> Callable[[Heard, Any], Faults]:
    CHECKS[function.__name__] = function
    return function


# --- Understanding ----------------------------------------------------------------------------------------------------


def _facet(name: str, title: str) -> None:
    def facet(heard: Heard, value: Any) -> Faults:
        found = heard.understanding.get(name)
        if found != value:
            yield f"понято: {title} {found}, ожидалось {value}"

    CHECKS[name] = facet


for _name, _title in (
    ("intent", "намерение"),
    ("urgency", "срочность"),
    ("emotion", "настроение"),
    ("price_sensitive", "важна цена"),
    ("is_spam", "реклама"),
):
    _facet(_name, _title)


@check
def also(heard: Heard, value: list[str]) -> Faults:
    """These intents are among those of the message."""
    if missing := set(value) - set(heard.understanding.get("intents", [])):
        yield f"не услышано: {', '.join(sorted(missing))}"


@check
def service(heard: Heard, value: str) -> Faults:
    wanted = heard.play.service(value)
    found = [slot.get("service_id") for slot in heard.understanding.get("slots", {}).get("service", [])]
    if wanted.pk not in found:
        yield f"услуга «{wanted.name}» не узнана"


@check
def slots(heard: Heard, value: list[str]) -> Faults:
    """The message gave something of each of these kinds: datetime, phone, name, geo, promo."""
    if missing := set(value) - set(heard.understanding.get("slots", {})):
        yield f"в сообщении не замечено: {', '.join(sorted(missing))}"


# --- What was said ----------------------------------------------------------------------------------------------------


@check
def said(heard: Heard, value: list[str]) -> Faults:
    """Each of these texts was said; `a|b` is either."""
    for wanted in value:
        if not set(wanted.split("|")) & set(heard.keys):
            yield f"нет текста {wanted}; сказано: {', '.join(heard.keys) or 'ничего'}"


@check
def not_said(heard: Heard, value: list[str]) -> Faults:
    if wrong := set(value) & set(heard.keys):
        yield f"сказано лишнее: {', '.join(sorted(wrong))}"


@check
def silent(heard: Heard, value: bool) -> Faults:
    if value != (not heard.reply):
        yield "ассистент ответил, хотя должен молчать" if value else "ассистент промолчал"


@check
def reminded(heard: Heard, value: bool) -> Faults:
    """Before this step the client was written to without having written."""
    if bool(heard.by_itself) != value:
        yield "напоминание не пришло" if value else "клиенту написали без повода"


@check
def repeated(heard: Heard, value: bool) -> Faults:
    """The very same message was said to this client before."""
    if heard.is_repeated != value:
        yield "ассистент повторил то же самое слово в слово" if heard.is_repeated else "ответ не повторён"


@check
def lacks(heard: Heard, value: list[str]) -> Faults:
    for wrong in value:
        if _spaced(wrong) in _spaced(heard.reply):
            yield f"в ответе лишние слова «{wrong}»"


@check
def contains(heard: Heard, value: list[str]) -> Faults:
    for wanted in value:
        if _spaced(wanted) not in _spaced(heard.reply):
            yield f"в ответе нет слов «{wanted}»"


@check
def price(heard: Heard, value: str) -> Faults:
    """The reply names the price of that thing as the price list has it."""
    line = heard.play.service(value)
    wanted = words.price_range(line.price_kopecks, line.price_to_kopecks)
    if f"{line.name} — {wanted}" not in heard.reply and wanted not in heard.reply:
        yield f"не названа цена «{line.name}»: {wanted}"


@check
def agreed_price(heard: Heard, value: Mapping[str, int]) -> Faults:
    """The very roubles that were agreed with this business: {from: 1700, to: 3000}."""
    wanted = words.price_range(value["from"] * 100, value["to"] * 100 if "to" in value else None)
    if _spaced(wanted) not in _spaced(heard.reply):
        yield f"цена не та, о которой договорились: {wanted}"


@check
def address(heard: Heard, value: bool) -> Faults:
    conversation = heard.lead.conversation if heard.lead else None
    branch = (conversation.branch if conversation else None) or heard.play.branch
    if (branch.address in heard.reply) != value:
        yield f"не назван адрес: {branch.address}" if value else "назван адрес"


@check
def hours(heard: Heard, value: bool) -> Faults:
    wanted = hours_text(load_calendars()[heard.play.branch.pk])
    if (wanted in heard.reply) != value:
        yield f"не названы часы работы: {wanted}" if value else "названы часы работы"


@check
def promo(heard: Heard, value: bool) -> Faults:
    if any(promotion.title in heard.reply for promotion in heard.play.promotions) != value:
        yield "не названа действующая акция" if value else "названа акция"


@check
def knowledge(heard: Heard, value: bool) -> Faults:
    answers = KnowledgeEntry.objects.filter(is_active=True).values_list("answer", flat=True)
    if any(answer in heard.reply for answer in answers) != value:
        yield "ответ не из базы знаний" if value else "дан ответ из базы знаний"


def _invented_sums(heard: Heard) -> Faults:
    """Sums that stand in no line of the price list, no promotion, no entry of the knowledge."""
    named = {int(re.sub(r"\D", "", sum_)) for match in _AMOUNT.finditer(heard.reply) for sum_ in match.groups() if sum_}
    if not named:
        return
    lines = list(Service.objects.filter(is_active=True).values_list("price_kopecks", "price_to_kopecks"))
    known = {(kopecks or 0) // 100 for line in lines for kopecks in line}
    known |= {(a[0] + b[0]) // 100 for a, b in combinations(lines, 2)}
    known |= {((a[1] or a[0]) + (b[1] or b[0])) // 100 for a, b in combinations(lines, 2)}
    told = [*KnowledgeEntry.objects.values_list("answer", flat=True), *(one.title for one in heard.play.promotions)]
    known |= {int(re.sub(r"\D", "", number)) for text in told for number in re.findall(r"\d[\d\s]*", text)}
    for wrong in sorted(named - known):
        yield f"названа сумма {wrong} ₽, которой нет в прайсе"


def _spaced(text: str) -> str:
    """Every kind of space as a plain one, letters small."""
    return re.sub(r"\s", " ", text).lower()


# --- Times and visits -------------------------------------------------------------------------------------------------


@check
def offers(heard: Heard, value: str) -> Faults:
    """Times for that thing lie on the table, and each can be kept: a person of that skill works then and is free."""
    wanted = heard.play.service(value)
    offered = _dialogue(heard).get("offered", [])
    if not offered:
        yield "не предложено ни одного времени"
    if any(wanted.pk not in _services_of(one) for one in offered):
        yield "время предложено для другой услуги"
    team = {member.pk: member for member in StaffMember.objects.filter(is_active=True, takes_bookings=True)}
    rotas, calendars = load_rotas(list(team.values())), load_calendars()
    for one in (part for first in offered for part in (first, *first.get("then", ()))):
        start, end = datetime.fromisoformat(one["start"]), datetime.fromisoformat(one["end"])
        member = team.get(one["staff_id"])
        if member is None:
            yield "предложен человек, который не ведёт приём"
            continue
        for service in Service.objects.filter(pk__in=one["service_ids"]).exclude(skill__in=member.skills.all()):
            if service.skill_id:
                yield f"{member.name} не делает «{service.name}»"
        if start <= heard.play.now:
            yield f"предложено прошедшее время: {start.astimezone(heard.play.branch.zone):%d.%m %H:%M}"
        day = calendars[one["branch_id"]].local_day(start)
        if not any(span.start <= start and end <= span.end for span in rotas[member.pk].work(day, calendars)):
            yield f"{member.name} не работает {start.astimezone(heard.play.branch.zone):%d.%m в %H:%M}"


def _services_of(offered: Mapping[str, Any]) -> set[int]:
    return {each for part in (offered, *offered.get("then", ())) for each in part["service_ids"]}


@check
def visits(heard: Heard, value: int) -> Faults:
    """So many visits lie ahead of the client."""
    ahead = sum(each.is_expected for each in heard.visits)
    if ahead != value:
        yield f"впереди визитов: {ahead}, ожидалось {value}"


@check
def for_whom(heard: Heard, value: str) -> Faults:
    """A visit ahead bears this name: it is for somebody else."""
    if not any(value in each.for_whom for each in heard.visits if each.is_expected):
        yield f"в записи не указано, что она для: {value}"


@check
def added(heard: Heard, value: bool) -> Faults:
    """What was offered with the visit was taken (or refused), and that is counted on the visit."""
    if not any(each.upsell_id and each.upsell_taken is value for each in heard.visits if each.is_expected):
        yield "согласие на добавленную услугу не отмечено" if value else "отказ от добавленной услуги не отмечен"


@check
def staff_told(heard: Heard, value: str) -> Faults:
    """Somebody of the business got a notice of this kind."""
    if not Notice.objects.filter(kind=value).exists():
        yield f"сотрудник не получил уведомления «{value}»"


@check
def visit(heard: Heard, value: str) -> Faults:
    """`booked`, `confirmed`, `cancelled`, `moved`: in this step; `none`: nothing is booked; `kept`: as before."""
    now = {each.pk: each for each in heard.visits}
    expected = [each for each in now.values() if each.is_expected]
    if value == "none":
        if expected:
            yield "записан, хотя не должен"
    elif value == "kept":
        if not expected or any(_moved(heard, each) for each in expected):
            yield "визит не остался на месте"
    elif value == "moved":
        if not any(_moved(heard, each) for each in expected):
            yield "визит не перенесён"
    else:
        fresh = [each for each in now.values() if each.status in _CAME[value] and _status(heard, each) != each.status]
        if len(fresh) != 1:
            yield {"booked": "визит не записан", "cancelled": "визит не отменён"}.get(value, "визит не подтверждён")
        for each in fresh:
            yield from _wrong_price(each)


def _status(heard: Heard, each: Appointment) -> str:
    return heard.before[each.pk].status if each.pk in heard.before else ""


def _moved(heard: Heard, each: Appointment) -> bool:
    before = heard.before.get(each.pk)
    if before is None or not before.is_expected:  # a move may also leave the old row and open another
        return any(old.is_expected for old in heard.before.values())
    return before.starts_at != each.starts_at


def _wrong_price(each: Appointment) -> Faults:
    total = sum(service.price_kopecks for service in each.services.all())
    if each.price_kopecks != total:
        yield f"визит записан за {words.price(each.price_kopecks)}, а по прайсу {words.price(total)}"


@check
def visit_of(heard: Heard, value: list[str]) -> Faults:
    """The visit ahead is for these things."""
    wanted = {heard.play.service(key).pk for key in value}
    wanted = set(choices.combined(sorted(wanted), config.load().price_list))  # one line of the list may hold both
    ahead = [{service.pk for service in each.services.all()} for each in heard.visits if each.is_expected]
    if wanted not in ahead and wanted != set().union(*ahead):
        yield "записан не на ту услугу"


@check
def visit_with(heard: Heard, value: str) -> Faults:
    """The visit ahead is with `master`, the person the client asked for."""
    play: Play = heard.play
    if not any(each.is_expected and each.staff_id == play.master.pk for each in heard.visits):
        yield f"записан не к {play.master.name}"


@check
def awaiting(heard: Heard, value: str) -> Faults:
    """The question that stands open; "" is none."""
    found = _dialogue(heard).get("awaiting", "")
    if found != value:
        yield f"ассистент ждёт «{found}», ожидалось «{value}»"


def _dialogue(heard: Heard) -> dict[str, Any]:
    return heard.lead.conversation.state.get("dialogue", {}) if heard.lead else {}


# --- The lead ---------------------------------------------------------------------------------------------------------


@check
def handover(heard: Heard, value: bool) -> Faults:
    handed = bool(heard.lead and heard.lead.conversation.needs_person)
    if handed != value:
        yield "человек не позван" if value else "позван человек"


@check
def quarantine(heard: Heard, value: bool) -> Faults:
    if (bool(heard.lead) and heard.lead.status == "quarantine") != value:
        yield "не попало в карантин" if value else "клиент попал в карантин"


@check
def lead(heard: Heard, value: str) -> Faults:
    found = heard.lead.status if heard.lead else ""
    if found != value:
        yield f"заявка в состоянии {found}, ожидалось {value}"


@check
def stage(heard: Heard, value: str) -> Faults:
    found = heard.lead.stage if heard.lead else ""
    if found != value:
        yield f"этап {found}, ожидался {value}"


@check
def owner(heard: Heard, value: list[str]) -> Faults:
    """The lead lies with a person of one of these roles."""
    found = heard.lead.owner.role if heard.lead and heard.lead.owner else "никто"
    if found not in value:
        yield f"заявку ведёт {found}, ожидалось {' или '.join(value)}"


@check
def temperature(heard: Heard, value: list[str]) -> Faults:
    found = heard.lead.temperature if heard.lead else ""
    if found not in value:
        yield f"заявка {found}, ожидалось {' или '.join(value)}"


@check
def call_task(heard: Heard, value: bool) -> Faults:
    has = bool(heard.lead and heard.lead.tasks.filter(done_at=None).exists())
    if has != value:
        yield "нет задачи перезвонить" if value else "лишняя задача"


@check
def consent(heard: Heard, value: bool) -> Faults:
    if Consent.objects.filter(purpose="data", withdrawn_at=None).exists() != value:
        yield "согласие не записано" if value else "согласие записано без ответа клиента"


@check
def contact_name(heard: Heard, value: str) -> Faults:
    found = heard.lead.contact.name if heard.lead else ""
    if found != value:
        yield f"имя клиента «{found}», ожидалось «{value}»"


@check
def contact_phone(heard: Heard, value: bool) -> Faults:
    lead = heard.lead
    known = {lead.contact.phone, lead.conversation.identity.claimed_phone} if lead else set()
    if (PHONE in known) != value:
        yield "телефон клиента не записан" if value else "записан телефон"
