"""«Кому достанется сейчас»: whom the open lead would go to at this moment, and why not to the others."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from inbox.screen import screen
from leadhub import clock
from routing import access
from routing.who_now import who_now


@require_GET
@screen("inbox")
def who(request: HttpRequest, lead_id: int) -> HttpResponse:
    lead = access.lead_for(request.member, lead_id)
    context = {"lead": lead, "answers": who_now(lead, now=clock.now()), "place": "inbox"}
    return render(request, "inbox/_who.html" if request.htmx else "inbox/who.html", context)
