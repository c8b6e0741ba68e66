"""Read-only JSON of a business under `/t/<slug>/api/v1/`: leads, conversations, appointments, openings."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import exceptions, mixins, serializers, viewsets
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from booking import queries as booking_queries
from booking.models import Appointment
from channels_app.models import Notice
from contacts.models import Conversation, Message
from leadhub import clock
from routing.models import Decision, Lead
from tenants.business.models import Branch

MAX_OPENING_DAYS = 14


class NewestFirst(CursorPagination):
    page_size = 50
    ordering = "-id"


class LeadSerializer(serializers.ModelSerializer):
    channel = serializers.CharField(source="kind", read_only=True)
    service = serializers.CharField(source="service.name", default=None, read_only=True)
    owner = serializers.CharField(source="owner.name", default=None, read_only=True)
    contact = serializers.SerializerMethodField()
    utm = serializers.SerializerMethodField()

    class Meta:
        model = Lead
        fields = [
            "id",
            "status",
            "stage",
            "channel",
            "temperature",
            "score",
            "score_parts",
            "intent",
            "urgency",
            "priority",
            "summary",
            "service",
            "tags",
            "utm",
            "promo",
            "contact",
            "owner",
            "conversation_id",
            "clock",
            "clock_due_at",
            "breaches",
            "created_at",
            "first_answer_at",
            "first_answer_by",
            "taken_at",
            "outcome_at",
            "changed_at",
        ]

    def get_contact(self, lead: Lead) -> dict[str, Any]:
        return {"id": lead.contact_id, "name": lead.contact.name, "phone": lead.contact.phone or ""}

    def get_utm(self, lead: Lead) -> dict[str, str]:
        names = ("source", "medium", "campaign", "content", "term")
        return {name: value for name in names if (value := getattr(lead, f"utm_{name}"))}


class DecisionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Decision
        fields = ["kind", "title", "details", "created_at"]


class NoticeSerializer(serializers.ModelSerializer):
    """A word to a member of the staff about the lead: `tries` tells how it left, `answer` what was pressed."""

    to = serializers.CharField(source="staff.name", read_only=True)
    tries = serializers.SerializerMethodField()

    class Meta:
        model = Notice
        fields = ["to", "kind", "text", "created_at", "state", "tries", "seen_at", "answer", "answered_at", "outcome"]

    def get_tries(self, notice: Notice) -> list[dict[str, str]]:
        names = ("channel", "state", "at", "error", "shown_at")
        return [{name: one[name] for name in names if one.get(name)} for one in notice.tries]


class LeadDetailSerializer(LeadSerializer):
    decisions = DecisionSerializer(many=True, read_only=True)
    notices = serializers.SerializerMethodField()

    class Meta(LeadSerializer.Meta):
        fields = [*LeadSerializer.Meta.fields, "decisions", "notices"]

    @extend_schema_field(NoticeSerializer(many=True))
    def get_notices(self, lead: Lead) -> list[dict[str, Any]]:
        told = Notice.objects.filter(lead_id=lead.pk).select_related("staff").order_by("pk")
        return NoticeSerializer(told, many=True).data


class MessageSerializer(serializers.ModelSerializer):
    class Meta:
        model = Message
        fields = ["id", "author", "text", "sent_at", "understanding"]


class ConversationSerializer(serializers.ModelSerializer):
    channel = serializers.CharField(source="identity.kind", read_only=True)
    contact = serializers.CharField(source="contact.name", read_only=True)
    held_by = serializers.CharField(source="held_by.name", default=None, read_only=True)

    class Meta:
        model = Conversation
        fields = ["id", "channel", "contact", "contact_id", "held_by", "needs_person", "created_at", "last_message_at"]


class ConversationDetailSerializer(ConversationSerializer):
    messages = serializers.SerializerMethodField()

    class Meta(ConversationSerializer.Meta):
        fields = [*ConversationSerializer.Meta.fields, "messages"]

    def get_messages(self, conversation: Conversation) -> list[dict[str, Any]]:
        """The last 200 messages, oldest first; notes of the staff stay inside."""
        rows = conversation.messages.exclude(author=Message.Author.NOTE).order_by("-id")[:200]
        return MessageSerializer(list(reversed(rows)), many=True).data


class AppointmentSerializer(serializers.ModelSerializer):
    staff = serializers.CharField(source="staff.name", read_only=True)
    branch = serializers.CharField(source="branch.name", read_only=True)
    contact = serializers.CharField(source="contact.name", read_only=True)
    services = serializers.SlugRelatedField("name", many=True, read_only=True)

    class Meta:
        model = Appointment
        fields = [
            "id",
            "status",
            "services",
            "staff",
            "branch",
            "contact",
            "contact_id",
            "lead_id",
            "starts_at",
            "ends_at",
            "price_kopecks",
            "by_assistant",
            "booked_at",
            "confirmed_at",
        ]


class _Listing(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    pagination_class = NewestFirst

    @property
    def sees_all(self) -> bool:
        return self.request._request.member.may("inbox.all")

    @property
    def staff_id(self) -> int:
        staff = self.request._request.member.staff
        return staff.pk if staff else 0


class Leads(_Listing):
    """Leads, newest first; `?status=` and `?temperature=` narrow. A specialist sees those of their own. One of them
    comes with its decision record and the notices about it, oldest first."""

    queryset = Lead.objects.none()  # the kind alone, for the schema

    def get_serializer_class(self) -> type[serializers.ModelSerializer]:
        return LeadDetailSerializer if self.action == "retrieve" else LeadSerializer

    def get_queryset(self) -> QuerySet[Lead]:
        rows = Lead.objects.filter(is_test=False).select_related("contact", "service", "owner")
        if self.action == "retrieve":
            rows = rows.prefetch_related(Prefetch("decisions", Decision.objects.order_by("id")))
        if not self.sees_all:
            rows = rows.filter(owner_id=self.staff_id)
        for name in ("status", "temperature"):
            if value := self.request.query_params.get(name):
                rows = rows.filter(**{name: value})
        return rows


class Conversations(_Listing):
    """Conversations, newest first; one of them comes with its messages."""

    queryset = Conversation.objects.none()  # the kind alone, for the schema

    def get_serializer_class(self) -> type[serializers.ModelSerializer]:
        return ConversationDetailSerializer if self.action == "retrieve" else ConversationSerializer

    def get_queryset(self) -> QuerySet[Conversation]:
        rows = Conversation.objects.filter(is_test=False).select_related("identity", "contact", "held_by")
        return rows if self.sees_all else rows.filter(leads__owner_id=self.staff_id).distinct()


class Appointments(_Listing):
    """Appointments, newest first; holds are not shown. `?day=YYYY-MM-DD` gives one local day of each branch."""

    queryset = Appointment.objects.none()  # the kind alone, for the schema
    serializer_class = AppointmentSerializer

    def get_queryset(self) -> QuerySet[Appointment]:
        rows = Appointment.objects.exclude(status__in=["hold", "expired"])
        rows = rows.select_related("staff", "branch", "contact").prefetch_related("services")
        if not self.sees_all:
            rows = rows.filter(staff_id=self.staff_id)
        if day := self.request.query_params.get("day"):
            rows = rows.filter(_in_local_day(_day(day)))
        return rows


def _in_local_day(day: date) -> Q:
    """Starts within that day of the visit's own branch."""
    wanted = Q(pk=None)
    for branch in Branch.objects.all():
        midnight = datetime.combine(day, time(), branch.zone)
        end = datetime.combine(day + timedelta(days=1), time(), branch.zone)
        wanted |= Q(branch=branch, starts_at__gte=midnight, starts_at__lt=end)
    return wanted


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise exceptions.ValidationError({"day": "Дата в виде 2026-11-25."}) from None


class Openings(APIView):
    """Free times of services: `?service=1&service=2`, optionally `from`, `days` (14 at most) and `staff`."""

    @extend_schema(
        parameters=[
            OpenApiParameter("service", int, required=True, many=True),
            OpenApiParameter("from", date),
            OpenApiParameter("days", int),
            OpenApiParameter("staff", int),
        ],
        responses={200: dict},
    )
    def get(self, request: Request) -> Response:
        services = [_number(value, "service") for value in request.query_params.getlist("service")]
        if not services:
            raise exceptions.ValidationError({"service": "Назовите хотя бы одну услугу."})
        now = clock.now()
        first = request.query_params.get("from")
        days = min(max(_number(request.query_params.get("days", "7"), "days"), 1), MAX_OPENING_DAYS)
        staff = request.query_params.get("staff")
        found = booking_queries.day_openings(
            services,
            now=now,
            first_day=_day(first) if first else now.date(),
            days=days,
            staff_id=_number(staff, "staff") if staff else None,
        )
        return Response(
            {
                "days": [
                    {
                        "day": each.day.isoformat(),
                        "openings": [
                            {
                                "staff_id": opening.staff_id,
                                "staff": opening.staff_name,
                                "branch_id": opening.branch_id,
                                "start": opening.start.isoformat(),
                                "end": opening.end.isoformat(),
                            }
                            for opening in each.openings
                        ],
                    }
                    for each in found
                ]
            }
        )


def _number(text: str, name: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise exceptions.ValidationError({name: "Нужно число."}) from None
