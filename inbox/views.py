"""The receptionist's inbox: the list, the open lead, and what is done with it. Each act is one verb of `routing`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest, JsonResponse
from django.shortcuts import redirect, render
from django.urls import NoReverseMatch, reverse
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import localtime
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from booking.actions import Impossible, Taken
from channels_app import notices, outbound
from inbox import presence
from inbox.cards import card_view
from inbox.screen import listing, screen, whole_number
from leadhub import clock
from routing import access, assignment, calls, outcomes, queries, replies, snoozing, talks, teaching, timeline, visits
from routing import presence as shifts
from routing import quarantine as quarantine_acts
from routing.cards import contact_view, openings_view, read_value
from routing.models import Lead
from routing.talk_rows import ConversationView
from tenants.access import Member

POLL_OVERLAP = timedelta(seconds=2)  # what was being committed while the last answer was made
POLL_LONGEST = timedelta(hours=1)
MOST_AT_ONCE = 100  # quarantined leads that are released or erased together
LONGEST_CALL_WAIT = 60 * 24 * 7  # minutes
HOMES = (("inbox", "inbox:list"), ("reports", "reports:owner"), ("calendar", "calendar:day"))


@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Straight to the first place that the member's role may see."""
    for ability, name in HOMES:
        if request.member.may(ability):
            try:
                return redirect(reverse(name))
            except NoReverseMatch:
                continue
    raise PermissionDenied


# --- Reading ---------------------------------------------------------------------------------------------------------


@require_GET
@screen("inbox")
def lead_list(request: HttpRequest) -> HttpResponse:
    return render(request, "inbox/list.html", _list(request, now=clock.now()))


@require_GET
@screen("inbox")
def row(request: HttpRequest, lead_id: int) -> HttpResponse:
    """A row as the list shows it; 204 when it does not belong to the list (any more)."""
    lead = access.lead_for(request.member, lead_id)
    view, query = listing(request)
    found = queries.listed_row(lead.pk, request.member, view=view, query=query, now=clock.now())
    if found is None:
        return HttpResponse(status=204)
    return render(request, "inbox/_lead_row.html", {"row": found})


@require_GET
@screen("inbox")
def conversation(request: HttpRequest, lead_id: int) -> HttpResponse:
    """The open lead: a whole page, its two panes, or what changed in its messages."""
    now = clock.now()
    lead = access.lead_for(request.member, lead_id)
    before = whole_number(request.GET.get("before"))
    since = whole_number(request.GET.get("since"))  # who reads back keeps what was shown
    shown = _conversation(lead, request.member, now=now, before=before, since=since)
    if before is None:
        _note_seen(request.member, lead, shown.last_message_id, now=now)
    if request.htmx and before is not None:
        return render(request, "inbox/_messages.html", {"conversation": shown})
    if request.htmx and request.htmx.target == "messages":
        return render(request, "inbox/_update.html", {"conversation": shown})
    card = card_view(lead, request.member, now=now)
    if request.htmx and request.htmx.target == "panes":
        return render(request, "inbox/_panes.html", {"conversation": shown, "card": card})
    context = _list(request, now=now) | {"conversation": shown, "card": card}
    return render(request, "inbox/list.html", context)


@require_GET
@screen("inbox")
def card(request: HttpRequest, lead_id: int) -> HttpResponse:
    lead = access.lead_for(request.member, lead_id)
    return render(request, "inbox/_card.html", {"card": card_view(lead, request.member, now=clock.now())})


@require_GET
@screen("inbox")
def record(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Every decision about the lead on a page of its own."""
    lead = access.lead_for(request.member, lead_id)
    context = {
        "record": timeline.record_view(lead, now=clock.now()),
        "lead_id": lead.pk,
        "name": queries.name_of(lead.contact, lead.conversation.identity),
        "place": "inbox",
    }
    return render(request, "inbox/record.html", context)


@require_GET
@screen("inbox")
def counters(request: HttpRequest) -> HttpResponse:
    view, query = listing(request)
    numbers = queries.counters(request.member, now=clock.now())
    return render(request, "inbox/_counters.html", {"counters": numbers, "view": view, "query": query})


@require_GET
@screen("inbox")
def tasks(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    context = {"tasks": queries.open_tasks(request.member, now=now), "place": "tasks"}
    return render(request, "inbox/tasks.html", context | _shift(request.member, now=now))


@require_GET
@screen("inbox.all")
def quarantine(request: HttpRequest) -> HttpResponse:
    now = clock.now()
    context = {"rows": quarantine_acts.listed(request.member, now=now), "place": "inbox"}
    return render(request, "inbox/quarantine.html", context | _shift(request.member, now=now))


@require_GET
@screen("inbox")
def poll(request: HttpRequest) -> HttpResponse:
    """What changed since `after`, for a page whose event stream is down."""
    now = clock.now()
    after = parse_datetime(request.GET.get("after", "").replace(" ", "+")) or now
    if after.tzinfo is None:
        return JsonResponse({"detail": "Нужен момент с часовым поясом."}, status=400)
    changes = queries.changes_since(request.member, max(after, now - POLL_LONGEST) - POLL_OVERLAP)
    events: list[dict[str, Any]] = [{"kind": "lead", "id": pk, "lead": pk} for pk in changes.leads]
    staff_id = request.member.staff.pk if request.member.staff else None
    events += [{"kind": "notice", "id": pk, "lead": lead, "staff": staff_id} for pk, lead in changes.notices]
    is_all = changes.is_all and now - after <= POLL_LONGEST
    return JsonResponse({"cursor": now.isoformat(), "events": events if is_all else [{"kind": "refetch"}]})


def _list(request: HttpRequest, *, now: datetime) -> dict[str, Any]:
    view, query = listing(request)
    page = queries.inbox_page(
        request.member, view=view, query=query, number=whole_number(request.GET.get("page")) or 1, now=now
    )
    following = {"view": view, "q": query, "page": page.number + 1}
    return {
        "rows": page.rows,
        "next_page_url": f"{reverse('inbox:list')}?{urlencode(following)}" if page.has_next else "",
        "counters": queries.counters(request.member, now=now),
        "view": view,
        "query": query,
        "place": "inbox",
        **_shift(request.member, now=now),
    }


def _conversation(
    lead: Lead, member: Member, *, now: datetime, before: int | None = None, since: int | None = None
) -> ConversationView:
    shown = talks.conversation_view(lead, member, now=now, before=before, since=since)
    shown = teaching.with_marks(shown, lead)
    return replace(shown, answering_name=presence.who_types(lead, besides=member))


def _shift(member: Member, *, now: datetime) -> dict[str, Any]:
    return {"shift": queries.shift_of(member, now=now)}


def _note_seen(member: Member, lead: Lead, upto: int, *, now: datetime) -> None:
    queries.note_seen(lead.conversation, upto=upto)
    if member.staff:
        notices.mark_seen(member.staff, lead_id=lead.pk, now=now)


# --- Who leads -------------------------------------------------------------------------------------------------------


@require_POST
@screen("inbox")
def take(request: HttpRequest, lead_id: int) -> HttpResponse:
    lead = access.lead_for(request.member, lead_id)
    try:
        assignment.take(lead, by=_staff(request.member), now=clock.now())
    except assignment.AlreadyTaken as taken:
        messages.info(request, f"{taken}.")
    return changed(request, lead_id)


@require_POST
@screen("inbox")
def hand_back(request: HttpRequest, lead_id: int) -> HttpResponse:
    lead = access.lead_for(request.member, lead_id)
    if not talks.actions_of(lead, request.member).hand_back:
        messages.info(request, "Разговор ведёт не сотрудник: возвращать нечего.")
    else:
        assignment.hand_back(lead, by=_staff(request.member), now=clock.now())
    return changed(request, lead_id)


def _staff(member: Member) -> Any:
    if member.staff is None:
        raise PermissionDenied("only people of the staff lead a conversation")
    return member.staff


# --- Words -----------------------------------------------------------------------------------------------------------


@require_POST
@screen("inbox")
def reply(request: HttpRequest, lead_id: int) -> HttpResponse:
    """An answer to the client, or with mode=note (a page without scripts) a note."""
    if request.POST.get("mode") == "note":
        return note(request, lead_id)
    lead = access.lead_for(request.member, lead_id)
    text = request.POST.get("text", "")
    try:
        replies.reply(
            lead,
            request.member,
            text,
            seen_message_id=whole_number(request.POST.get("seen")) or 0,
            force=request.POST.get("force") == "1",
            client_key=request.POST.get("client_key", ""),
            now=clock.now(),
        )
    except replies.Conflict as conflict:
        return _old_text(request, lead_id, text, status=409, conflict=str(conflict))
    except replies.NotSent as refusal:
        return _old_text(request, lead_id, text, status=422, error=str(refusal))
    presence.stop_typing(lead)
    return changed(request, lead_id, fresh_composer=True)


@require_POST
@screen("inbox")
def note(request: HttpRequest, lead_id: int) -> HttpResponse:
    lead = access.lead_for(request.member, lead_id)
    text = request.POST.get("text", "")
    try:
        replies.note(lead, request.member, text, client_key=request.POST.get("client_key", ""), now=clock.now())
    except replies.NotSent as refusal:
        return _old_text(request, lead_id, text, status=422, is_note=True, error=str(refusal))
    return changed(request, lead_id, fresh_composer=True)


@require_POST
@screen("inbox")
def typing(request: HttpRequest, lead_id: int) -> HttpResponse:
    """The reader began to write an answer: colleagues who have the lead open are told."""
    lead = access.lead_for(request.member, lead_id)
    presence.note_typing(lead, request.member)
    return HttpResponse(status=204)


@require_POST
@screen("inbox")
def retry_delivery(request: HttpRequest, lead_id: int, delivery_id: int) -> HttpResponse:
    """Send a failed text after all."""
    lead = access.lead_for(request.member, lead_id)
    outbound.retry(access.delivery_for(lead, delivery_id), now=clock.now())
    return changed(request, lead_id)


def _old_text(request: HttpRequest, lead_id: int, text: str, *, status: int, **told: Any) -> HttpResponse:
    """The answer box with what was typed, and why it did not leave; beside it what was said meanwhile."""
    now = clock.now()
    shown = _conversation(access.lead_for(request.member, lead_id), request.member, now=now)
    key = request.POST.get("client_key", "") or shown.composer.client_key
    composer = replace(shown.composer, text=text, client_key=key, **told)
    if not request.htmx:
        shown = replace(shown, composer=composer)
        card = card_view(access.lead_for(request.member, lead_id), request.member, now=now)
        context = _list(request, now=now) | {"conversation": shown, "card": card}
        return render(request, "inbox/list.html", context, status=status)
    context = {"composer": composer, "conversation": shown}
    return render(request, "inbox/_not_sent.html", context, status=status)


# --- What is owed, what came of it -----------------------------------------------------------------------------------


@require_POST
@screen("inbox")
def call_task(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Put the task «Перезвонить»; `in_minutes` from now."""
    now = clock.now()
    lead = access.lead_for(request.member, lead_id)
    wait = min(whole_number(request.POST.get("in_minutes")) or 0, LONGEST_CALL_WAIT)
    why = " ".join(request.POST.get("comment", "").split())[:160] or "по заявке"
    calls.call_task(lead, why=why, at=now + timedelta(minutes=wait), staff=request.member.staff, now=now)
    messages.success(request, "Задача «Перезвонить» поставлена.")
    return changed(request, lead_id)


@require_POST
@screen("inbox")
def task_done(request: HttpRequest, task_id: int) -> HttpResponse:
    now = clock.now()
    task = calls.finish_task(access.task_for(request.member, task_id), by=request.member.staff, now=now)
    if not request.htmx:
        return redirect("inbox:tasks")
    return render(request, "inbox/_task.html", {"task": queries.task_view(task, request.member, now=now)})


@require_POST
@screen("inbox")
def put_off(request: HttpRequest, lead_id: int) -> HttpResponse:
    """«Напомнить позже»: `when` is one of the choices of `snoozing`."""
    now = clock.now()
    lead = access.lead_for(request.member, lead_id)
    try:
        until = snoozing.put_off(lead, request.POST.get("when", ""), by=request.member.staff, now=now)
    except snoozing.NotPossible as refusal:
        messages.error(request, str(refusal))
    else:
        local = localtime(until)
        day = "" if local.date() == localtime(now).date() else f"{local:%d.%m} "
        messages.success(request, f"Заявка отложена, напомним {day}в {local:%H:%M}.")
    return changed(request, lead_id)


@require_POST
@screen("inbox")
def take_up(request: HttpRequest, lead_id: int) -> HttpResponse:
    """What was put off is worked on again."""
    lead = access.lead_for(request.member, lead_id)
    try:
        snoozing.take_up(lead, by=request.member.staff, now=clock.now())
    except snoozing.NotPossible as refusal:
        messages.error(request, str(refusal))
    return changed(request, lead_id)


@require_POST
@screen("inbox")
def done(request: HttpRequest, lead_id: int) -> HttpResponse:
    """The lead has an outcome."""
    lead = access.lead_for(request.member, lead_id)
    why = " ".join(request.POST.get("reason", "").split())[:150]
    try:
        outcomes.finish(lead, request.POST.get("outcome", ""), by=request.member, why=why, now=clock.now())
    except outcomes.NotPossible as refusal:
        messages.error(request, str(refusal))
    return changed(request, lead_id)


@require_POST
@screen("inbox")
def correct(request: HttpRequest, lead_id: int) -> HttpResponse:
    """What the client really wanted."""
    lead = access.lead_for(request.member, lead_id)
    try:
        outcomes.correct(lead, request.POST.get("intent", ""), by=request.member, now=clock.now())
    except outcomes.NotPossible as refusal:
        messages.error(request, str(refusal))
    return changed(request, lead_id)


@require_POST
@screen("inbox.all")
def release(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Out of quarantine, back to the list."""
    lead = access.lead_for(request.member, lead_id)
    quarantine_acts.release(lead, by=request.member, now=clock.now())
    messages.success(request, "Заявка вернулась в список. Ассистент запомнит: это не спам.")
    return redirect("inbox:quarantine")


@require_POST
@screen("inbox.all")
def quarantine_many(request: HttpRequest) -> HttpResponse:
    """Release or erase the quarantined leads that are ticked (`lead`, `act` release or erase)."""
    now, act = clock.now(), request.POST.get("act", "")
    chosen = [whole_number(each) for each in request.POST.getlist("lead")[:MOST_AT_ONCE]]
    found = [access.lead_for(request.member, lead_id) for lead_id in chosen if lead_id is not None]
    found = [lead for lead in found if lead.status == Lead.Status.QUARANTINE]
    for lead in found:
        if act == "release":
            quarantine_acts.release(lead, by=request.member, now=now)
        elif act == "erase":
            quarantine_acts.discard(lead, why=access.name_of(request.member), now=now)
    if not found:
        messages.info(request, "Отметьте сообщения в списке.")
    elif act == "release":
        messages.success(request, f"Возвращено в список: {len(found)}. Ассистент запомнит: это не спам.")
    elif act == "erase":
        messages.success(request, f"Стёрто: {len(found)}.")
    return redirect("inbox:quarantine")


# --- Booking ---------------------------------------------------------------------------------------------------------


@require_GET
@screen("inbox")
def openings(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Free times as the page's filters ask."""
    return _openings(request, access.lead_for(request.member, lead_id), request.GET)


@require_POST
@screen("inbox")
def book(request: HttpRequest, lead_id: int) -> HttpResponse:
    """Book the client. 409 with other times when this one is gone, 422 when something is missing."""
    lead = access.lead_for(request.member, lead_id)
    chosen = read_value(request.POST.get("opening", ""))
    service_id = whole_number(request.POST.get("service"))
    if chosen is None or service_id is None:
        return _openings(request, lead, request.POST, error="Выберите услугу и время.", status=422)
    staff_id, branch_id, start = chosen
    name, phone = request.POST.get("name", ""), request.POST.get("phone", "")
    try:
        visits.book(
            lead, [service_id], staff_id, branch_id, start, by=request.member, name=name, phone=phone, now=clock.now()
        )
    except Taken:
        return _openings(request, lead, request.POST, error="Это время только что заняли. Вот другие.", status=409)
    except Impossible as refusal:
        return _openings(request, lead, request.POST, error=str(refusal), status=409)
    except visits.Missing as question:
        return _openings(request, lead, request.POST, error=str(question), status=422)
    messages.success(request, "Клиент записан, подтверждение отправлено.")
    return changed(request, lead_id)


def _openings(request: HttpRequest, lead: Lead, told: Any, *, error: str = "", status: int = 200) -> HttpResponse:
    now = clock.now()
    shown = openings_view(
        lead,
        service_id=whole_number(told.get("service")),
        staff_id=whole_number(told.get("staff")),
        day=_day(told.get("day")) if request.method == "GET" else None,
        is_chosen="service" in told,
        error=error,
        now=now,
    )
    contact = contact_view(lead, now=now)
    if error:
        typed = told.get("name", "").strip()[:120], told.get("phone", "").strip()[:30]
        contact = replace(contact, name=contact.name or typed[0], phone_title=contact.phone_title or typed[1])
    if not request.htmx:
        messages.error(request, error or "Выберите время.")
        return redirect("inbox:conversation", lead.pk)
    return render(request, "inbox/_openings.html", {"openings": shown, "contact": contact}, status=status)


def _day(text: str | None) -> date | None:
    try:
        return parse_date(text or "")
    except ValueError:
        return None


# --- Shift -----------------------------------------------------------------------------------------------------------


SHIFT_ACTS = {
    "begin": shifts.begin,
    "away": shifts.step_out,
    "back": shifts.begin,
    "finish": shifts.finish,
}


@require_http_methods(["GET", "POST"])
@screen("inbox")
def shift(request: HttpRequest) -> HttpResponse:
    """The reader's shift; POST act=begin|away|back|finish says where the reader is."""
    now, staff = clock.now(), request.member.staff
    if request.method == "GET" or staff is None:
        return render(
            request, "inbox/shift.html", {"shift": queries.shift_page(request.member, now=now), "place": "shift"}
        )
    act = SHIFT_ACTS.get(request.POST.get("act", ""))
    if act is None:
        return HttpResponseBadRequest("no such act")
    has_shift = shifts.standing(staff, now=now).is_on_shift
    act(staff, now=now)
    if act is shifts.begin and not has_shift:
        messages.info(request, "По графику у вас сейчас нет смены: она длится, пока вы её не закончите.")
    if not request.htmx:
        return redirect("inbox:shift")
    return render(request, "inbox/_shift_changed.html", {"shift": queries.shift_of(request.member, now=now)})


# --- The answer to every act -----------------------------------------------------------------------------------------


def changed(request: HttpRequest, lead_id: int, *, fresh_composer: bool = False) -> HttpResponse:
    """All parts of the page that the act may have changed; without htmx back to the lead."""
    if not request.htmx:
        return redirect("inbox:conversation", lead_id)
    now = clock.now()
    lead = access.leads_of(request.member).filter(pk=lead_id).first()
    if lead is None:  # a specialist gave it away
        return HttpResponse(headers={"HX-Redirect": reverse("inbox:list")})
    lead = access.lead_for(request.member, lead_id)
    view, query = listing(request)
    shown = _conversation(lead, request.member, now=now)
    _note_seen(request.member, lead, shown.last_message_id, now=now)
    context = {
        "row": queries.inbox_row(lead.pk, request.member, now=now),
        "conversation": shown,
        "card": card_view(lead, request.member, now=now),
        "counters": queries.counters(request.member, now=now),
        "view": view,
        "query": query,
    }
    if fresh_composer:
        context["composer"] = shown.composer
    return render(request, "inbox/_changed.html", context)
