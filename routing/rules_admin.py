"""«Правила» in the business's admin: rules as rows of a form and as text, ready ones, versions, the review of them.

The form holds everything until «Сохранить черновик»: each change of rows asks the server for the card and the text
anew, each change of the text for the cards. `shown` is the text that both last agreed on; a text that differs from it
was edited after the rows. While one side cannot be read the other one waits, so that neither is lost.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.contrib import messages
from django.contrib.admin import register
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse

from leadhub import clock
from routing import gallery, review, rule_rows, rule_screen, rulesets
from routing.models import RuleSet
from routing.rule_choices import Choices, load_choices
from routing.rule_screen import Shown
from routing.rules import words
from routing.rules.reading import RuleError, read_rules
from routing.rules.shapes import Rule
from routing.rules.writing import in_words_of, write_rules
from routing.simulation_admin import SimulationPages
from tenants.business.models import Branch
from tenants.editing import BusinessAdmin
from tenants.sites import business_site

PAGE = "admin:routing_ruleset_changelist"
SHOWN_VERSIONS = 40
_UID = re.compile(r"r[0-9a-z]{1,12}")


@dataclass
class Edited:
    """What the form holds: its cards, its text, and what is wrong with either."""

    cards: list[Shown]
    language: words.Language
    text: str  # as it stands in the text's own field
    shown: str
    errors: Sequence[RuleError] = ()  # of the text
    is_unfinished: bool = False  # some open card cannot be read

    @property
    def is_text_newer(self) -> bool:
        return self.text != self.shown

    @property
    def is_wrong(self) -> bool:
        return bool(self.errors) or self.is_unfinished


class NotOurs(ValueError):
    """A post that our page does not make."""


# --- The form -------------------------------------------------------------------------------------------------------


def told(request: HttpRequest) -> Edited:
    """The form as it was posted; nothing is decided yet. Raises NotOurs."""
    data = {name: value.replace("\x00", "") for name, value in request.POST.items()}
    cards = [_card_told(request, data, uid) for uid in request.POST.getlist("card")[:500]]
    language: words.Language = "en" if data.get("lang") == "en" else "ru"
    return Edited(cards, language, _plain(data.get("text", "")), _plain(data.get("shown", "")))


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _card_told(request: HttpRequest, data: dict[str, str], uid: str) -> Shown:
    if not _UID.fullmatch(uid):
        raise NotOurs(uid)
    mode = data.get(f"{uid}.mode", "")
    if mode == "open":
        rows = rule_rows.card_told(data, uid, request.POST.getlist(f"{uid}.ev"))
        return Shown(uid, "open", rows=rows)
    read = read_rules(data.get(f"{uid}.text", ""))
    if mode not in ("shut", "gone") or len(read.rules) != 1:
        raise NotOurs(uid)
    rule = replace(read.rules[0], is_enabled=f"{uid}.on" in data) if mode == "shut" else read.rules[0]
    return Shown(uid, mode, rule=rule)


def agree(edited: Edited, *, check: bool = False) -> Edited:
    """Bring rows and text together: the text wins where it was edited last, else the rows, in the text's language.
    `check`: show beside the rows what is missing there."""
    if edited.is_text_newer:
        read = read_rules(edited.text)
        if read.errors:
            edited.errors = read.errors
            return edited
        edited.cards = _kept_open(edited.cards, read.rules)
        edited.shown = edited.text
        if edited.text.strip():
            edited.language = read.language
        return edited
    rules, unfinished = [], False
    for card in edited.cards:
        rule, errors = rule_rows.rule_of(card.rows) if card.rows else (card.rule, {})
        card.errors = errors if check else card.errors
        unfinished = unfinished or rule is None
        if rule and card.mode != "gone":
            rules.append(in_words_of(rule, edited.language))
    edited.is_unfinished = unfinished
    if not unfinished:
        edited.text = edited.shown = write_rules(rules, edited.language, wide=False)
    return edited


def _kept_open(cards: Sequence[Shown], rules: Sequence[Rule]) -> list[Shown]:
    """The rules of an edited text as cards; one that was open stays so."""
    before = [card for card in cards if card.mode != "gone"]
    found = []
    for number, rule in enumerate(rules):
        old = before[number] if number < len(before) else None
        uid = old.uid if old else new_uid()
        if old and old.mode == "open":
            found.append(Shown(uid, "open", rows=rule_rows.card_of(rule)))
        else:
            found.append(Shown(uid, "shut", rule=rule))
    return found


def new_uid() -> str:
    return f"r{secrets.token_hex(4)}"


def _who(request: HttpRequest) -> str:
    member = request.member
    return member.staff.name if member.staff else member.user.name or member.user.email


@register(RuleSet, site=business_site)
class RuleSetAdmin(SimulationPages, BusinessAdmin):
    """One page instead of a list: what is edited now; beside it versions and the review."""

    rights_room = "rules"

    def get_urls(self) -> list[Any]:
        """Our pages, and whatever other pages of rules are mixed into this admin: those are for editors alone."""
        view, name = self.admin_site.admin_view, "routing_ruleset"
        usual = {f"{name}_{what}" for what in ("changelist", "add", "history", "delete", "change", "to_delete")}
        mixed_in = [url for url in super().get_urls() if url.name and url.name not in usual]
        return [
            path("", view(self.changelist_view), name=f"{name}_changelist"),
            path("card/", view(self.card_view), name=f"{name}_card"),
            path("agree/", view(self.agree_view), name=f"{name}_agree"),
            path("ready/", view(self.ready_view), name=f"{name}_ready"),
            path("save/", view(self.save_view), name=f"{name}_save"),
            path("versions/", view(self.versions_view), name=f"{name}_versions"),
            path("review/", view(self.review_view), name=f"{name}_review"),
            path("<int:pk>/change/", view(self.version_view), name=f"{name}_change"),
            *(URLPattern(url.pattern, self._for_editors(url.callback), name=url.name) for url in mixed_in),
        ]

    def _for_editors(self, view: Any) -> Any:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.member is not None and not self._may(request, "change"):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    def version_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """One version, for links that know only its row: what is edited, or its place among the others."""
        self._may(request, "view") or _refuse()
        version = RuleSet.objects.filter(pk=pk).first()
        if version is None:
            raise Http404("no such version")
        if version == rulesets.edited():
            return redirect(PAGE)
        return redirect(f"{reverse('admin:routing_ruleset_versions')}#version-{version.number}")

    # --- The page ---

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        self._may(request, "view") or _refuse()
        current = rulesets.edited()
        read = read_rules(current.text if current else "")
        text = current.text if current else ""
        cards = [Shown(new_uid(), "shut", rule=rule) for rule in read.rules]
        language = read.language if text.strip() else "ru"
        return self._page(request, Edited(cards, language, text, text), note=current.note if current else "")

    def _page(
        self, request: HttpRequest, edited: Edited, *, note: str = "", status: int = 200, **more: Any
    ) -> HttpResponse:
        in_force = RuleSet.objects.filter(status=RuleSet.Status.PUBLISHED).first()
        draft = RuleSet.objects.filter(status=RuleSet.Status.DRAFT).first()
        context = self._context(request, edited)
        context |= {
            "templates": self._templates(request, context["choices"]),
            **self.admin_site.each_context(request),
            "title": "Правила",
            "opts": self.opts,
            "mark": rulesets.mark(),
            "in_force": in_force,
            "draft": draft,
            "note": note if draft or status != 200 else "",
            "simulate_url": _url("simulate", [draft or in_force]) if draft or in_force else "",
            "who_url": _url("who", []),
            **more,
        }
        return TemplateResponse(request, "admin/routing/rules/editor.html", context, status=status)

    def _context(self, request: HttpRequest, edited: Edited, *, counts: bool = True) -> dict[str, Any]:
        """What the page and its parts print. `counts`: also what rules did lately, which costs the dearest query."""
        choices, now = load_choices(), clock.now()
        works = review.work_of_rules(now - review.RECENT, now) if counts else {}
        may_edit = self._may(request, "change")
        cards = [self._shown(card, edited, choices, works, may_edit=may_edit) for card in edited.cards]
        return {
            "edited": edited,
            "cards": cards,
            "choices": choices,
            "may_edit": may_edit,
            "languages": [("ru", "По-русски"), ("en", "In English")],
            "missing": [(card["name"], card["missing"]) for card in cards if card.get("missing")],
            "unfinished": [card["name"] or "без имени" for card, one in zip(cards, edited.cards, strict=True)
                           if one.rows and rule_rows.rule_of(one.rows)[1]],
        }  # fmt: skip

    def _shown(self, card: Shown, edited: Edited, choices: Choices, works: Any, *, may_edit: bool) -> dict[str, Any]:
        text = write_rules([card.rule], edited.language, wide=False) if card.rule else ""
        return rule_screen.card(card, choices, text, works, may_edit=may_edit)

    def _templates(self, request: HttpRequest, choices: Choices) -> list[dict[str, Any]]:
        return [
            {"template": one, "asks": [(ask, _answers(ask, choices)) for ask in one.asks]}
            for one in gallery.templates_for(request.tenant.trade)
        ]

    # --- Changes, by htmx: what changed of the page comes back ---

    def card_view(self, request: HttpRequest) -> HttpResponse:
        """POST `what` of the card `uid`, `at` a row: `new`, `open`, `shut`, `duplicate`, `drop`, `restore`, `refresh`,
        and what `rule_rows.change()` knows."""
        edited = self._edited(request)
        if isinstance(edited, HttpResponse):
            return edited
        if edited.is_text_newer:  # a text typed this very moment goes first
            return self._all(request, agree(edited))
        what, uid, at = (request.POST.get(name, "") for name in ("what", "uid", "at"))
        if what == "new":
            edited.cards.append(Shown(new_uid(), "open", rows=rule_rows.blank_card(), go_on="name"))
            return self._some(request, agree(edited), edited.cards[-1:])
        number = next((place for place, card in enumerate(edited.cards) if card.uid == uid), None)
        if number is None:
            return HttpResponseBadRequest()
        changed = _changed(edited.cards[number], what, at)
        edited.cards[number : number + 1] = changed
        return self._some(request, agree(edited), changed)

    def agree_view(self, request: HttpRequest) -> HttpResponse:
        """POST the form after a change of a value, of the order, of the text, its language. `what` is `rows`: the text
        is written anew from the rows, whatever stands in it."""
        edited = self._edited(request)
        if isinstance(edited, HttpResponse):
            return edited
        if request.POST.get("what") == "rows":
            edited.text = edited.shown
        if edited.is_text_newer:
            return self._all(request, agree(edited))
        return self._some(request, agree(edited), [])

    def ready_view(self, request: HttpRequest) -> HttpResponse:
        """POST `key` of a ready rule, with the answers to what it asks (`<key>.<ask>`): its cards are added."""
        edited = self._edited(request)
        if isinstance(edited, HttpResponse):
            return edited
        key = request.POST.get("key", "")
        template = next((one for one in gallery.templates_for(request.tenant.trade) if one.key == key), None)
        if template is None:
            return HttpResponseBadRequest()
        edited = agree(edited)
        if edited.errors:
            return self._all(request, edited)
        try:
            rules = gallery.fill(template, {ask.key: request.POST.get(f"{key}.{ask.key}", "") for ask in template.asks})
        except gallery.NotAnswered as missing:
            return self._all(request, edited, said=str(missing), is_wrong=True)
        added = [Shown(new_uid(), "shut", rule=rule, go_on="name") for rule in rules]
        edited.cards += added
        return self._all(request, agree(edited), said=f"Добавлено: «{template.title}».")

    def _edited(self, request: HttpRequest) -> Edited | HttpResponse:
        if request.method != "POST" or not self._may(request, "change"):
            raise PermissionDenied
        try:
            return told(request)
        except NotOurs:
            return HttpResponseBadRequest()

    def _some(self, request: HttpRequest, edited: Edited, changed: Sequence[Shown]) -> HttpResponse:
        """These cards, and the text beside them."""
        context = self._context(request, edited, counts=any(card.mode == "shut" for card in changed))
        uids = {card.uid for card in changed}
        context["changed"] = [card for card in context["cards"] if card["uid"] in uids]
        return TemplateResponse(request, "admin/routing/rules/_changed.html", context)

    def _all(self, request: HttpRequest, edited: Edited, *, said: str = "", is_wrong: bool = False) -> HttpResponse:
        """Every card (none while the text cannot be read), and the text's state."""
        context = self._context(request, edited) | {"said": said, "is_said_wrong": is_wrong}
        answer = TemplateResponse(request, "admin/routing/rules/_all.html", context)
        answer["HX-Reswap"] = "none"
        return answer

    # --- Saved ---

    def save_view(self, request: HttpRequest) -> HttpResponse:
        """POST `do`: `save` the draft, `publish` it, `drop` it. What cannot be done leaves the form as it was."""
        if request.POST.get("do") == "drop" and request.method == "POST" and self._may(request, "change"):
            rulesets.drop_draft()
            messages.success(request, "Черновик удалён.")
            return redirect(PAGE)
        edited = self._edited(request)
        if isinstance(edited, HttpResponse):
            return edited
        edited = agree(edited, check=True)
        note, since = request.POST.get("note", "").replace("\x00", ""), request.POST.get("mark", "")
        if edited.is_wrong:
            return self._page(request, edited, note=note, status=422, mark=since)
        by, now = _who(request), clock.now()
        try:
            with transaction.atomic():
                rulesets.save_draft(edited.text, by=by, now=now, note=note, since=since)
                if request.POST.get("do") == "publish":
                    return self._published(request, rulesets.publish(by=by, now=now))
        except rulesets.DraftChanged as conflict:
            return self._page(request, edited, note=note, status=409, conflict=_conflict(conflict.draft, edited.text))
        except rulesets.RulesWrong as wrong:
            told = [error.message for error in wrong.errors]
            return self._page(request, edited, note=note, status=422, mark=since, refused=told)
        messages.success(request, "Черновик сохранён. Он ни на что не влияет, пока не опубликован.")
        return redirect(PAGE)

    def _published(self, request: HttpRequest, version: RuleSet) -> HttpResponse:
        done = f"Действует версия {version.number}."
        _log(request, version, done)
        messages.success(request, done)
        return redirect(PAGE)

    # --- Versions and the review ---

    def versions_view(self, request: HttpRequest) -> HttpResponse:
        """Every version with what it changed. POST `number`: that one comes into force again."""
        self._may(request, "view") or _refuse()
        if request.method == "POST":
            return self._bring_back(request)
        versions = list(RuleSet.objects.order_by("-number")[: SHOWN_VERSIONS + 1])
        before = {one.number: other.text for one, other in zip(versions, versions[1:], strict=False)}
        rows = [
            {"version": one, "lines": rule_screen.differences(before.get(one.number, ""), one.text)}
            for one in versions[:SHOWN_VERSIONS]
        ]
        context = {**self.admin_site.each_context(request), "title": "Правила: версии", "opts": self.opts}
        context |= {"rows": rows, "may_edit": self._may(request, "change")}
        return TemplateResponse(request, "admin/routing/rules/versions.html", context)

    def _bring_back(self, request: HttpRequest) -> HttpResponse:
        if not self._may(request, "change"):
            raise PermissionDenied
        number = request.POST.get("number", "")
        try:
            again = rulesets.roll_back(int(number) if number.isdecimal() else 0, by=_who(request), now=clock.now())
        except RuleSet.DoesNotExist:
            raise Http404("no such version") from None
        done = f"Действует версия {again.number}: как в версии {number}."
        _log(request, again, done)
        messages.success(request, done)
        return redirect("admin:routing_ruleset_versions")

    def review_view(self, request: HttpRequest) -> HttpResponse:
        """What each rule in force did in the last quarter of a year."""
        self._may(request, "view") or _refuse()
        now = clock.now()
        in_force = RuleSet.objects.filter(status=RuleSet.Status.PUBLISHED).first()
        since = now - timedelta(days=90)
        works = review.work_of_rules(since, now)
        found = review.look(read_rules(in_force.text).rules if in_force else (), works)
        context = {**self.admin_site.each_context(request), "title": "Пересмотр правил", "opts": self.opts}
        context |= {"in_force": in_force, "found": found, "since": _local(since), "until": _local(now)}
        context["is_young"] = bool(in_force and in_force.published_at and in_force.published_at > since)
        return TemplateResponse(request, "admin/routing/rules/review.html", context)


def _changed(card: Shown, what: str, at: str) -> list[Shown]:
    """The card after one thing was done to it; two for a duplicate."""
    if what == "open" and card.rule:
        return [Shown(card.uid, "open", rows=rule_rows.card_of(card.rule), go_on="name")]
    if what in ("restore", "drop") and card.rule:
        return [Shown(card.uid, "shut" if what == "restore" else "gone", rule=card.rule, go_on="name")]
    if what == "duplicate":
        rule, errors = rule_rows.rule_of(card.rows) if card.rows else (card.rule, {})
        if rule is None:
            return [replace(card, errors=errors)]
        name = f"{rule.name} (копия)" if rule.name else ""
        return [card, Shown(new_uid(), "open", rows=rule_rows.card_of(replace(rule, name=name)), go_on="name")]
    if card.rows is None:
        return [card]
    if what in ("shut", "drop"):
        rule, errors = rule_rows.rule_of(card.rows)
        if rule is None and what == "drop":
            return []
        if rule is None:
            return [replace(card, errors=errors)]
        return [Shown(card.uid, "shut" if what == "shut" else "gone", rule=rule, go_on="name")]
    go_on = rule_rows.change(card.rows, what, at)
    rule_rows.settle(card.rows)
    return [replace(card, go_on=go_on)]


def _answers(ask: gallery.Ask, choices: Choices) -> list[tuple[str, str]]:
    """What may be chosen for a place of a template."""
    wanted = {"person": ("Сотрудники",), "queue": ("Очереди",), "people": ("Очереди", "Роли", "Сотрудники")}
    if ask.kind in wanted:
        groups = dict(choices.targets)
        return [(option.value, option.title) for title in wanted[ask.kind] for option in groups[title]]
    return [(value, value) for value in choices.suggested.get(ask.kind, ())]


def _conflict(draft: RuleSet | None, text: str) -> dict[str, Any]:
    """Who changed what while somebody else was editing."""
    current = draft or RuleSet.objects.filter(status=RuleSet.Status.PUBLISHED).first()
    lines = rule_screen.differences(current.text if current else "", text)
    return {"current": current, "lines": lines}


def _url(page: str, versions: Sequence[RuleSet]) -> str:
    """Of a page that another part of the room mixes in; "" where there is none."""
    try:
        return reverse(f"admin:routing_ruleset_{page}", args=[version.pk for version in versions])
    except NoReverseMatch:
        return ""


def _local(moment: datetime) -> datetime:
    branch = Branch.objects.filter(is_active=True).first()
    return moment.astimezone(branch.zone) if branch else moment


def _refuse() -> None:
    raise PermissionDenied


def _log(request: HttpRequest, version: RuleSet, message: str) -> None:
    LogEntry.objects.create(
        user_id=request.user.pk,
        content_type=ContentType.objects.get_for_model(RuleSet),
        object_id=version.pk,
        object_repr=str(version),
        action_flag=CHANGE,
        change_message=message,
    )
