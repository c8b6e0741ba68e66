"""Pages of the rules in the admin: a draft tried on past leads, and whom a lead would go to now."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.forms import model_to_dict, modelform_factory
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from unfold.decorators import action

from leadhub import clock
from routing import recalled, simulation_job
from routing.models import Lead, RuleSet, ScorePolicy
from routing.queries import name_of
from routing.score_admin import ScorePages
from routing.who_now import who_now

OFFERED_LEADS = 30
SHOWN_CHANGES = 100
TriedWeights = modelform_factory(ScorePolicy, fields="__all__")


class SimulationPages:
    """Mixed into the admin of RuleSet."""

    actions_detail = ["simulate", "to_delete"]
    actions_list = ["who"]

    @action(description="Проверить на прошлых заявках", url_path="simulate", icon="science")
    def simulate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """POST `limit`, and what of the score is tried too: have it played; else the page, or the part that changes."""
        rule_set = self._found(request, object_id)
        in_force = RuleSet.objects.filter(status=RuleSet.Status.PUBLISHED).first()
        state = simulation_job.state(rule_set)
        weights = TriedWeights(instance=ScorePolicy.load(), initial=(state or {}).get("weights"))
        if request.method == "POST":
            if not self.has_change_permission(request, rule_set):
                raise PermissionDenied
            limit = request.POST.get("limit", "")
            if limit not in map(str, simulation_job.LIMITS):
                raise Http404("no such number of leads")
            policy = ScorePolicy.load()
            weights = TriedWeights({**model_to_dict(policy), **request.POST.dict()}, instance=policy)
            if weights.is_valid():
                differing = {name: weights.cleaned_data[name] for name in weights.changed_data}
                by = request.user.name or request.user.email
                simulation_job.ask(rule_set, int(limit), by=by, weights=differing)
                return redirect("admin:routing_ruleset_simulate", rule_set.pk)
        context = {
            **self.admin_site.each_context(request),
            "title": f"Проверка версии {rule_set.number} на прошлых заявках",
            "opts": self.opts,
            "rule_set": rule_set,
            "in_force": in_force,
            "weights": weights,
            "groups": [(title, [weights[name] for name in told["fields"]]) for title, told in ScorePages.fieldsets],
            "limits": simulation_job.LIMITS,
            "known": recalled.count_leads(),
            "may_change": self.has_change_permission(request, rule_set),
            **_shown(state, rule_set, in_force),
        }
        template = "_simulation.html" if request.htmx else "simulation.html"
        return TemplateResponse(request, f"admin/routing/{template}", context, status=422 if weights.errors else 200)

    @action(description="Кому достанется сейчас", url_path="who", icon="person_search")
    def who(self, request: HttpRequest) -> HttpResponse:
        """`?lead=`: whom this lead would go to now, by the rules in force and by the draft."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        rows = Lead.objects.select_related("contact", "conversation__identity", "owner")
        told = request.GET.get("lead", "")
        lead = None
        if told:
            number = int(told) if told.isascii() and told.isdigit() and len(told) < 16 else 0
            lead = rows.filter(pk=number).first()
            if lead is None:
                raise Http404("no such lead")
        offered = list(rows.filter(status__in=["open", "needs_call"], is_test=False).order_by("-pk")[:OFFERED_LEADS])
        if lead and lead not in offered:
            offered.insert(0, lead)
        context = {
            **self.admin_site.each_context(request),
            "title": "Кому достанется сейчас",
            "opts": self.opts,
            "lead": lead,
            "offered": [(one.pk, title_of(one)) for one in offered],
            "answers": who_now(lead, now=clock.now()) if lead else [],
        }
        return TemplateResponse(request, "admin/routing/who.html", context)

    def _found(self, request: HttpRequest, object_id: str) -> RuleSet:
        rule_set = self.get_object(request, object_id)
        if rule_set is None:
            raise Http404("no such version")
        if not self.has_view_permission(request, rule_set):
            raise PermissionDenied
        return rule_set


def title_of(lead: Lead) -> str:
    return " · ".join(filter(None, (name_of(lead.contact, lead.conversation.identity), lead.summary)))


def _shown(state: dict[str, Any] | None, rule_set: RuleSet, in_force: RuleSet | None) -> dict[str, Any]:
    """What is known of the last simulation, made ready to print."""
    if state is None or state["state"] != simulation_job.DONE:
        return {"state": state, "is_running": bool(state) and state["state"] != simulation_job.FAILED}
    result = state["result"]
    most = max((max(one["before"], one["after"]) for one in result["people"]), default=0) or 1
    return {
        "state": state,
        "is_running": False,
        "is_old": state["text"] != rule_set.text or result["version_before"] != (in_force.number if in_force else 0),
        "result": result,
        "since": _moment(result["since"]),
        "until": _moment(result["until"]),
        "people": [
            {**one, "before_width": 100 * one["before"] // most, "after_width": 100 * one["after"] // most}
            for one in result["people"]
        ],
        "lines": _lines(result["open"]),
        "open": [{**one, "at": _moment(one["at"])} for one in result["open"]],
        "changes": _changes(result["changes"][:SHOWN_CHANGES]),
        "more": max(result["differing"] - SHOWN_CHANGES, 0),
        "rules": list(result["rules"][1]),
    }


def _moment(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _lines(samples: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Two polylines 100 wide and 100 high."""
    most = max((max(one["before"], one["after"]) for one in samples), default=0)
    if not most:
        return None
    last = len(samples) - 1

    def points(name: str) -> str:
        return " ".join(
            f"{100 * number / last:.1f},{100 - 100 * one[name] / most:.1f}" for number, one in enumerate(samples)
        )

    return {"before": points("before"), "after": points("after"), "most": most}


def _changes(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """With the leads' names as they are now; a lead erased since is left out."""
    found = Lead.objects.filter(pk__in=[row["lead"] for row in rows])
    titles = {lead.pk: title_of(lead) for lead in found.select_related("contact", "conversation__identity")}
    return [{**row, "title": titles[row["lead"]], "at": _moment(row["at"])} for row in rows if row["lead"] in titles]
