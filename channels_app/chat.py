"""What a visitor of a site reads in our chat: their own conversation, opened by their own token."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django_tenants.utils import schema_context

from channels_app import live
from channels_app.adapters.webchat import TOKEN_LENGTH, visitor_id
from channels_app.hooks import Hook
from channels_app.models import Delivery
from contacts.models import Conversation, Message
from tenants.context import events_origin
from tenants.models import ChannelKind

PAGE = 100
_SHOWN = (Delivery.Status.SENT, Delivery.Status.DELIVERED)


def messages(request: HttpRequest, found: Hook) -> JsonResponse:
    """`GET messages?after=<id>` with `Authorization: Bearer <visitor token>`: what was said since, oldest first.

    Without `after`: the latest. "typing": an answer is being made. "events": where live events of this chat are read.
    """
    token = request.META.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ").strip()
    after = request.GET.get("after") or "0"
    if len(token) not in TOKEN_LENGTH:
        return JsonResponse({"ok": False, "error": "Нет ключа посетителя."}, status=401)
    if not (after.isascii() and after.isdigit() and len(after) < 19):
        return JsonResponse({"ok": False, "error": "after: номер сообщения."}, status=400)
    visitor = visitor_id(token)
    with schema_context(found.schema):
        conversation = Conversation.objects.filter(
            identity__kind=ChannelKind.WEBCHAT, identity__external_id=visitor, account_id=found.account_id
        ).first()
        said = _said(conversation, after=int(after)) if conversation else []
        ticket = live.chat_ticket(visitor)
    answer = {
        "messages": said,
        "typing": bool(conversation and conversation.pending_since and not conversation.held_by_id),
        "events": f"{events_origin(request)}/t/{found.slug}/events/chat/?ticket={ticket}",
    }
    return JsonResponse(answer, headers={"Cache-Control": "no-store"})


def _said(conversation: Conversation, *, after: int) -> list[dict[str, Any]]:
    """The client's words, and ours as far as they were let out: an answer that was cancelled was never said."""
    authors = (Message.Author.CLIENT, Message.Author.ASSISTANT, Message.Author.STAFF)
    shown = conversation.messages.filter(author__in=authors, pk__gt=after).exclude(
        author__in=authors[1:], delivery__isnull=True
    )
    shown = shown.exclude(delivery__isnull=False, delivery__status__in=set(Delivery.Status) - set(_SHOWN))
    latest = shown.order_by("id")[:PAGE] if after else reversed(shown.order_by("-id")[:PAGE])
    return [
        {
            "id": message.pk,
            "author": message.author,
            "text": message.text,
            "at": message.sent_at.isoformat(),
            "choices": message.choices,
        }
        for message in latest
    ]
