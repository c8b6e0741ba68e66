"""The try-out console and the checks that were made of it, for owners, seniors, managers and their agency."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Any

from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from channels_app import limits
from inbox.models import SavedDialogue
from inbox.screen import screen, whole_number
from inbox.tryout import pages, playing, saved
from inbox.tryout.dialogue import LONGEST_TEXT, MOST_TURNS, Dialogue, Unreadable
from inbox.tryout.rows import Played
from leadhub import clock
from routing import access
from routing import config as configs
from routing.rehearsing import Busy

logger = logging.getLogger(__name__)

PER_MINUTE = 100  # talks that one person may have played; each is played from its start
BUSY = "Сейчас система занята настоящими клиентами. Повторите через несколько секунд."
TOO_OFTEN = "Слишком часто. Подождите минуту."


class TooOften(Exception):
    """This person had too many talks played within a minute."""


def _count(request: HttpRequest) -> None:
    """One more talk is to be played for this person. Raises TooOften; a cache that is away lets everybody go on."""
    minute = int(clock.now().timestamp() // limits.WINDOW)
    try:
        number = limits.count(f"tryout:{connection.schema_name}:{request.member.user.pk}:{minute}")
    except Exception as error:  # noqa: BLE001 - cache backends raise their clients' own kinds
        logger.warning("tried talks are not counted: %s", type(error).__name__)
        return
    if number > PER_MINUTE:
        raise TooOften


# --- The console ------------------------------------------------------------------------------------------------------


@require_http_methods(["GET", "POST"])
@screen("tryout")
def console(request: HttpRequest) -> HttpResponse:
    """The console; POST act=say|back|again|set|look:<number> plays the talk that the page keeps."""
    if request.method == "GET":
        begun = Dialogue.begin(at=clock.now())
        return _page(request, begun, pages.nothing_played(), when="now")
    act, _, number = request.POST.get("act", "say").partition(":")
    when = request.POST.get("when", "now")
    when = when if when in pages.TIMES else "now"
    text, error = _line(request.POST.get("quick") or request.POST.get("text", "")), ""
    try:
        known = Dialogue.unseal(request.POST.get("state", ""))
    except Unreadable:
        known, error = Dialogue.begin(at=clock.now()), "Страница устарела, проба начата заново."
    dialogue, error = _next(request, known, act, when, text, error)
    try:
        dialogue, played = _played(request, dialogue)
    except (Busy, TooOften) as refusal:
        error = BUSY if isinstance(refusal, Busy) else TOO_OFTEN
        return _page(request, known, pages.nothing_played(), when=when, text=text, error=error, status=409)
    unsent = "" if len(dialogue.turns) > len(known.turns) else text
    return _page(request, dialogue, played, when=when, shown=whole_number(number), text=unsent, error=error)


def _line(text: str) -> str:
    return text.replace("\x00", "").strip()


def _next(request: HttpRequest, known: Dialogue, act: str, when: str, text: str, error: str) -> tuple[Dialogue, str]:
    """The talk after the act, and what is wrong with it."""
    if act in ("again", "set"):
        return _set(request, known, act, when)
    if act == "back":
        return known.without_last(), error
    if act == "look" or error:
        return known, error
    if not text:
        return known, "Напишите, что пишет клиент."
    if len(text) > LONGEST_TEXT:
        return known, f"Сообщение длиннее {LONGEST_TEXT} знаков: разделите его."
    if len(known.turns) >= MOST_TURNS:
        return known, f"В пробе уже {MOST_TURNS} сообщений. Начните заново."
    if not known.turns and when == "now":
        known = replace(known, at=clock.now())
    return known.with_words(text), ""


def _set(request: HttpRequest, known: Dialogue, act: str, when: str) -> tuple[Dialogue, str]:
    """Begin anew, or hear the same words under other circumstances."""
    told, error = request.POST, ""
    at = pages.moment_of(when, told.get("moment", ""), now=clock.now(), zone=configs.load().branches[0].zone)
    if at is None:
        at, error = known.at, "Укажите день и время не дальше года отсюда."
    settings = {
        "at": at,
        "kind": told.get("kind", ""),
        "client": told.get("client", ""),
        "with_model": told.get("model") == "1" and playing.can_ask_model(configs.load().settings),
    }
    return (Dialogue.begin(**settings) if act == "again" else known.differently(**settings)), error


def _played(request: HttpRequest, dialogue: Dialogue) -> tuple[Dialogue, Played]:
    if not dialogue.turns:
        return dialogue, pages.nothing_played()
    _count(request)
    return playing.play(dialogue)


def _page(
    request: HttpRequest, dialogue: Dialogue, played: Played, *, when: str, status: int = 200, **told: Any
) -> HttpResponse:
    shown = pages.console_view(dialogue, played, when=when, **told)
    template = "tryout/_console.html" if request.htmx else "tryout/console.html"
    with timezone.override(configs.load().branches[0].zone):  # the zone in which moments are chosen
        return render(request, template, {"console": shown, "place": "tryout"}, status=status)


# --- Saved checks -----------------------------------------------------------------------------------------------------


@require_POST
@screen("tryout")
def save(request: HttpRequest) -> HttpResponse:
    """The talk of the page becomes a check."""
    told = request.POST
    try:
        dialogue = Dialogue.unseal(told.get("state", ""))
        _count(request)
        kept = saved.save(
            dialogue,
            title=told.get("title", ""),
            checks=told.getlist("check"),
            by=access.name_of(request.member),
            now=clock.now(),
        )
    except Unreadable:
        messages.error(request, "Страница устарела: проиграйте диалог заново и сохраните.")
    except saved.NotSaved as refusal:
        messages.error(request, str(refusal))
    except (Busy, TooOften) as refusal:
        messages.error(request, BUSY if isinstance(refusal, Busy) else TOO_OFTEN)
    else:
        if kept.faults:
            messages.warning(request, f"Проверка «{kept.title}» сохранена, но в другой день выходит иначе: см. список.")
        else:
            messages.success(request, f"Проверка «{kept.title}» сохранена.")
    if request.htmx:
        return render(request, "_toasts.html", {"oob": True})
    return redirect("tryout:saved")


@require_GET
@screen("tryout")
def saved_list(request: HttpRequest) -> HttpResponse:
    rows = [saved.view_of(each) for each in saved.all_saved()]
    return render(request, "tryout/saved.html", {"rows": rows, "place": "tryout"})


@require_GET
@screen("tryout")
def open_saved(request: HttpRequest, saved_id: int) -> HttpResponse:
    """The console with the saved talk in it, as it would go today."""
    dialogue = saved.dialogue_of(_saved(saved_id), now=clock.now())
    try:
        dialogue, played = _played(request, dialogue)
    except (Busy, TooOften) as refusal:
        messages.error(request, BUSY if isinstance(refusal, Busy) else TOO_OFTEN)
        return redirect("tryout:saved")
    return _page(request, dialogue, played, when="other")


def _on_one(act: Callable[[HttpRequest, SavedDialogue], None]) -> Callable[..., HttpResponse]:
    """A view of an act on one check: it answers with the check's row, with its list where no script asked."""

    @require_POST
    @screen("tryout")
    @wraps(act)
    def view(request: HttpRequest, saved_id: int) -> HttpResponse:
        found = _saved(saved_id)
        try:
            act(request, found)
        except saved.NotSaved as refusal:
            messages.error(request, str(refusal))
            found.refresh_from_db()
        except (Busy, TooOften) as refusal:
            messages.error(request, BUSY if isinstance(refusal, Busy) else TOO_OFTEN)
        if not request.htmx:
            return redirect("tryout:saved")
        return render(request, "tryout/_saved.html", {"row": saved.view_of(found), "with_toasts": True})

    return view


@_on_one
def run(request: HttpRequest, found: SavedDialogue) -> None:
    _count(request)
    saved.run(found, now=clock.now())


@_on_one
def accept(request: HttpRequest, found: SavedDialogue) -> None:
    """What comes of it today is right."""
    _count(request)
    saved.accept(found, now=clock.now())


@_on_one
def change(request: HttpRequest, found: SavedDialogue) -> None:
    saved.change(found, title=request.POST.get("title", ""), checks=request.POST.getlist("check"))


@require_POST
@screen("tryout")
def delete(request: HttpRequest, saved_id: int) -> HttpResponse:
    _saved(saved_id).delete()
    messages.success(request, "Проверка удалена.")
    if request.htmx:
        return render(request, "_toasts.html", {"oob": True})
    return redirect("tryout:saved")


@require_POST
@screen("tryout")
def run_all(request: HttpRequest) -> HttpResponse:
    """Every check, one after another, for a page without scripts; one with them asks for each row by itself."""
    try:
        for each in saved.all_saved():
            _count(request)
            saved.run(each, now=clock.now())
    except (Busy, TooOften) as refusal:
        messages.error(request, BUSY if isinstance(refusal, Busy) else TOO_OFTEN)
    return redirect("tryout:saved")


def _saved(saved_id: int) -> SavedDialogue:
    found = SavedDialogue.objects.filter(pk=saved_id).first()
    if found is None:
        raise Http404("no such check")
    return found
