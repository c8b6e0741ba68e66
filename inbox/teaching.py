"""A receptionist marks what was understood and what was answered: one click, one more to say what is right."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from assistant.learning.examples import Meaning
from contacts.models import Message
from inbox.screen import screen
from inbox.views import changed
from leadhub import clock
from routing import access, teaching
from routing.models import Lead
from routing.outcomes import NotPossible
from tenants.access import Member


@require_POST
@screen("inbox")
def teach(request: HttpRequest, lead_id: int, message_id: int) -> HttpResponse:
    """`verdict` right, wrong or undo; `intent`: what a message meant; `right_reply`: what should have been answered."""
    lead = access.lead_for(request.member, lead_id)
    message = teaching.message_for(lead, message_id)
    moved = False
    try:
        if message.author == Message.Author.ASSISTANT:
            _mark_reply(request, lead, message)
        else:
            moved = _mark_meaning(request, lead, message)
    except NotPossible as refusal:
        messages.error(request, str(refusal))
    if not request.htmx:
        return redirect(f"{reverse('inbox:conversation', args=[lead.pk])}#message-{message.pk}")
    if moved:
        answer = changed(request, lead.pk)
        answer["HX-Reswap"] = "none"  # the mark comes with the messages
        return answer
    return render(request, "inbox/_taught.html", {"mark": teaching.mark_of(lead, message.pk), "is_fresh": True})


def _mark_meaning(request: HttpRequest, lead: Lead, message: Message) -> bool:
    """Whether the lead moved. Raises NotPossible."""
    now, by, told = clock.now(), request.member, request.POST
    if intent := told.get("intent"):
        return teaching.say_meaning(lead, message, _meaning(request, intent), by=by, now=now)
    if told.get("verdict") == teaching.RIGHT:
        return teaching.say_understood(lead, message, by=by, now=now)
    if told.get("verdict") == teaching.WRONG:
        teaching.say_misunderstood(message, by=by, now=now)
        return False
    return _take_back(request, lead, message, by)


def _meaning(request: HttpRequest, intent: str) -> Meaning:
    """The chosen intent with what was ticked beside it."""
    told = request.POST
    emotion = told.get("emotion", "neutral")
    if emotion not in teaching.EMOTIONS:
        raise NotPossible("Такого настроения нет.")
    return Meaning(
        intent=intent,
        also=tuple(each for each in told.getlist("also") if each != intent),
        urgency="high" if told.get("urgent") else "normal",
        price_sensitive=bool(told.get("price_sensitive")),
        emotion=emotion,
    )


def _take_back(request: HttpRequest, lead: Lead, message: Message, by: Member) -> bool:
    was_open = lead.is_open
    moved = teaching.take_back(lead, message, by=by, now=clock.now())
    if not was_open and not moved:
        messages.info(request, "Отметка снята. Заявка осталась там, где была.")
    return moved


def _mark_reply(request: HttpRequest, lead: Lead, message: Message) -> None:
    now, by, told = clock.now(), request.member, request.POST
    if "right_reply" in told:
        teaching.say_reply(message, is_right=False, right_reply=told["right_reply"], by=by, now=now)
    elif told.get("verdict") in (teaching.RIGHT, teaching.WRONG):
        teaching.say_reply(message, is_right=told["verdict"] == teaching.RIGHT, by=by, now=now)
    else:
        teaching.take_back(lead, message, by=by, now=now)
