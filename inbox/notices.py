"""«Уведомления»: where a person wants to be told of leads, and the answers that come back from a push."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from channels_app import adapters, notice_channels, notice_sending, staff_bot, webpush
from channels_app.models import Notice
from channels_app.notices import notify
from inbox.screen import zone_of
from leadhub import clock
from leadhub.work import TryLater
from routing import reactions
from tenants.access import member_of
from tenants.business import preferences
from tenants.business.models import StaffMember
from tenants.business.preferences import NoticeChannel, PreferencesForm
from tenants.middleware import open_page
from tenants.models import PushSubscription

LATEST = 20  # notices on the page
MOST_BROWSERS = 5  # of one person in one business
WORKER = settings.BASE_DIR / "static" / "js" / "sw.js"

View = Callable[..., HttpResponse]


def own(view: View) -> View:
    """For every member who is on the staff, whatever the role: the page is about oneself. Others get 404."""

    @never_cache
    @wraps(view)
    def shown(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.member is None or request.member.staff is None:
            raise Http404("not on the staff")
        with timezone.override(zone_of(request.member)):
            return view(request, *args, **kwargs)

    return shown


@require_http_methods(["GET", "POST"])
@own
def page(request: HttpRequest) -> HttpResponse:
    """What is connected, in which order it is tried, and what came lately."""
    staff = request.member.staff
    form = PreferencesForm(request.POST or None, initial=PreferencesForm.starting(staff.preferences))
    if request.method == "POST" and form.is_valid():
        staff.notice_preferences = preferences.written(form.chosen())
        staff.save(update_fields=["notice_preferences"])
        messages.success(request, "Сохранено.")
        return redirect("inbox:notices")
    return render(request, "inbox/notices.html", _context(request, form), status=422 if form.errors else 200)


def _context(request: HttpRequest, form: Any) -> dict[str, Any]:
    staff, ready = request.member.staff, _ready(request.member.staff)
    browsers = PushSubscription.objects.filter(tenant=request.tenant, user=request.user).order_by("pk")
    return {
        "form": form,
        "orders": [
            ("Срочное", "Горячая заявка, вам передали клиента, нарушен срок", _fields(form, "urgent")),
            ("Остальное", "Правила, опоздания, сбои: вместе, одним сообщением", _fields(form, "other")),
        ],
        "has_bot": notice_channels.bot_account() is not None,
        "telegram_is_linked": bool(staff.telegram_chat_id),
        "telegram_address": request.session.pop(_ADDRESS, ""),
        "phone": staff.phone if NoticeChannel.SMS in ready else "",
        "email": staff.user.email if NoticeChannel.EMAIL in ready else "",
        "push_key": webpush.public_key(settings.VAPID_PRIVATE_KEY) if webpush.is_offered() else "",
        "browsers": browsers,
        "notices": [(notice, _way(notice)) for notice in Notice.objects.filter(staff=staff).order_by("-pk")[:LATEST]],
        "place": "notices",
    }


_ADDRESS = "telegram_address"


def _fields(form: Any, name: str) -> list[tuple[str, Any]]:
    return [
        (place, form[field]) for place, field in zip(preferences.PLACES, preferences.field_names(name), strict=True)
    ]


def _ready(staff: StaffMember) -> set[str]:
    found = ((name, notice_channels.named(name)) for name in NoticeChannel.values)
    return {name for name, channel in found if channel and channel.is_ready(staff)}


def _way(notice: Notice) -> str:
    """«Telegram» for a notice that left, else its state."""
    sent = notice.last_sent
    return NoticeChannel(sent["channel"]).label if sent else notice.get_state_display()


@require_POST
@own
def try_out(request: HttpRequest) -> HttpResponse:
    """A notice to oneself, by the channels of the urgent ones."""
    now, staff = clock.now(), request.member.staff
    notify(staff, "test", "Проверка: так приходят уведомления", key=f"test-{now:%Y%m%d%H%M%S}", now=now)
    messages.success(request, "Отправили проверочное уведомление.")
    return redirect("inbox:notices")


# --- Telegram --------------------------------------------------------------------------------------------------------


@require_POST
@own
def telegram(request: HttpRequest) -> HttpResponse:
    """An address for pressing «Start», shown once; with off=1 the chat gets nothing more."""
    staff = request.member.staff
    if request.POST.get("off") == "1":
        staff_bot.unlink(staff)
        messages.success(request, "Telegram отключён.")
        return redirect("inbox:notices")
    try:
        request.session[_ADDRESS] = staff_bot.link_address(staff, now=clock.now())
    except LookupError:
        messages.error(request, "Бот Telegram ещё не подключён: это делает владелец в разделе «Подключения».")
    except (TryLater, adapters.AccountBroken, adapters.Rejected, adapters.ClientUnreachable):
        messages.error(request, "Telegram сейчас не отвечает. Попробуйте ещё раз через минуту.")
    return redirect("inbox:notices")


# --- Push ------------------------------------------------------------------------------------------------------------


@require_GET
@open_page
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: nothing private is in it. Served here so that it may look after the whole business."""
    answer = HttpResponse(WORKER.read_text(), content_type="text/javascript; charset=utf-8")
    answer["Service-Worker-Allowed"] = request.META.get("SCRIPT_NAME", "") + "/"
    answer["Cache-Control"] = "no-cache"
    return answer


@require_GET
@open_page
def manifest(request: HttpRequest) -> HttpResponse:
    """What a phone needs to put the business on its home screen; an iPhone shows push only from there."""
    told = {
        "name": request.tenant.name,
        "short_name": request.tenant.name[:12],
        "start_url": reverse("inbox:list"),
        "scope": reverse("business_home"),
        "display": "standalone",
        "lang": "ru",
        "icons": [{"src": static("icon.svg"), "sizes": "any", "type": "image/svg+xml"}],
    }
    return JsonResponse(told, content_type="application/manifest+json")


@require_POST
@own
def subscribe(request: HttpRequest) -> HttpResponse:
    """A browser's subscription, as JSON. 400 with a sentence for its user."""
    try:
        told = webpush.checked(_read_json(request))
    except webpush.NotASubscription as refusal:
        return JsonResponse({"detail": str(refusal)}, status=400)
    if not webpush.is_offered():
        return JsonResponse({"detail": "Push на этом сервере не настроен."}, status=400)
    PushSubscription.objects.update_or_create(
        digest=webpush.digest(told["endpoint"]),
        defaults={
            "tenant": request.tenant,
            "user": request.user,
            "subscription": told,
            "device": _device(request.headers.get("User-Agent", "")),
            "created_at": clock.now(),
            "failed_at": None,
        },
    )
    mine = PushSubscription.objects.filter(tenant=request.tenant, user=request.user).order_by("-created_at", "-pk")
    PushSubscription.objects.filter(pk__in=[row.pk for row in mine[MOST_BROWSERS:]]).delete()
    return JsonResponse({"detail": "Этот браузер будет показывать уведомления."})


@require_POST
@own
def unsubscribe(request: HttpRequest) -> HttpResponse:
    """Forget a browser: the one that asks (JSON with its endpoint), or by number from the page."""
    mine = PushSubscription.objects.filter(tenant=request.tenant, user=request.user)
    number = request.POST.get("browser", "")
    if number.isdecimal() and len(number) < 16:
        mine.filter(pk=int(number)).delete()
        messages.success(request, "Этот браузер больше не показывает уведомлений.")
        return redirect("inbox:notices")
    told = _read_json(request)
    endpoint = told.get("endpoint") if isinstance(told, dict) else None
    if isinstance(endpoint, str):
        mine.filter(digest=webpush.digest(endpoint)).delete()
    return JsonResponse({"detail": "Этот браузер больше не показывает уведомлений."})


@csrf_exempt
@require_POST
@open_page
@never_cache
def react(request: HttpRequest) -> HttpResponse:
    """A push was shown or one of its buttons pressed. The signed token stands for the session, which the browser's
    worker need not have; it serves one notice of one business."""
    told = _read_json(request)
    told = told if isinstance(told, dict) else {}
    notice_id = notice_channels.read_token(str(told.get("token", "")))
    notice = Notice.objects.select_related("staff__user").filter(pk=notice_id or 0).first()
    if notice is None or not _may_react(request, notice.staff):
        return JsonResponse({"detail": "Уведомление больше не действует."}, status=404)
    what = told.get("what")
    if what == "shown":
        notice_sending.note_shown(notice, now=clock.now())
        return JsonResponse({"detail": ""})
    if what not in Notice.Answer.values:
        return JsonResponse({"detail": "Неизвестный ответ."}, status=400)
    outcome = reactions.answer(notice.pk, what, now=clock.now())
    link = reverse("inbox:conversation", args=[notice.lead_id]) if notice.lead_id else reverse("inbox:list")
    return JsonResponse({"detail": outcome, "url": request.build_absolute_uri(link)})


def _may_react(request: HttpRequest, staff: StaffMember) -> bool:
    """The token outlives a dismissal: only who still works here and may enter."""
    return staff.is_active and staff.user is not None and member_of(request.tenant, staff.user) is not None


def _read_json(request: HttpRequest) -> Any:
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return None


def _device(agent: str) -> str:
    """«Chrome, Android»: so that a person knows the browsers of the list apart."""
    names = (("YaBrowser", "Яндекс Браузер"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"))
    names += (("Chrome", "Chrome"), ("Safari", "Safari"))
    places = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"))
    places += (("Mac OS", "Mac"), ("Linux", "Linux"))
    found = (next((title for mark, title in table if mark in agent), "") for table in (names, places))
    return ", ".join(part for part in found if part) or "браузер"
