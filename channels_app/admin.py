"""Channels as their owner connects and watches them. Credentials go in and never come out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.admin import register
from django.db.models import QuerySet
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextInputWidget

from channels_app import accounts, adapters, inbound, notice_sending, outbound
from channels_app.models import ChannelAccount, Delivery, InboundEvent, Notice
from leadhub import clock
from tenants.business.preferences import NoticeChannel
from tenants.editing import BusinessAdmin, ReadOnly
from tenants.models import ChannelKind, HookKey
from tenants.sites import business_site

SHOWN_BODY = 20_000  # characters of a stored post on its page
KEPT = "Сохранено и не показывается. Оставьте пустым, чтобы не менять."
# kind -> {credential: (label, help, whether it is secret)}.
CREDENTIALS: dict[str, dict[str, tuple[str, str, bool]]] = {
    ChannelKind.TELEGRAM: {"token": ("Токен бота", "Его выдаёт @BotFather: 1234567890:AA…", True)},
    ChannelKind.SMS: {
        "login": ("Логин SMSC", "Логин в личном кабинете smsc.ru.", False),
        "password": ("Пароль SMSC", "Пароль для API.", True),
        "apikey": ("Ключ API SMSC", "Вместо логина и пароля.", True),
        "sender": ("Имя отправителя", "Как подписаны СМС; имя должно быть согласовано в smsc.ru.", False),
    },
    ChannelKind.FORM: {
        "secret": ("Ключ формы", "Не обязательно. Если указан, сайт должен присылать его в заголовке X-Api-Key.", True)
    },
}
# Any one group, filled in whole, is enough.
NEEDED: dict[str, tuple[tuple[str, ...], ...]] = {
    ChannelKind.TELEGRAM: (("token",),),
    ChannelKind.SMS: (("apikey",), ("login", "password")),
}


def connectable_kinds() -> list[tuple[str, str]]:
    """Kinds that this installation can connect."""
    outside_callers = {ChannelKind.BITRIX24, ChannelKind.YOOKASSA}  # set up on pages of their own
    return [(kind.value, kind.label) for kind in ChannelKind if kind not in outside_callers and adapters.inbound(kind)]


def field_name(kind: str, credential: str) -> str:
    return f"{kind}_{credential}"


class _AccountForm(forms.ModelForm):
    """An account; its credentials are fields of the class below, which no row ever fills."""

    class Meta:
        model = ChannelAccount
        fields = ["kind", "name", "branch", "allowed_origins", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "kind" in self.fields:
            self.fields["kind"].choices = connectable_kinds()
            if self.instance.pk:
                self.fields["kind"].choices = ChannelKind.choices
                self.fields["kind"].disabled = True
        for kind, told in CREDENTIALS.items():
            for credential in told:
                name = field_name(kind, credential)
                if name in self.fields and self.instance.credentials.get(credential):
                    self.fields[name].help_text = KEPT

    def credentials(self) -> dict[str, str]:
        """What was typed for the account's kind; blank: keep."""
        kind = self.cleaned_data.get("kind", self.instance.kind)
        names = CREDENTIALS.get(kind, {})
        return {credential: self.cleaned_data.get(field_name(kind, credential), "") for credential in names}

    def clean_allowed_origins(self) -> list[str]:
        origins = [origin.rstrip("/") for origin in self.cleaned_data["allowed_origins"]]
        for origin in origins:
            if not origin.startswith(("https://", "http://")) or origin.count("/") != 2:
                raise forms.ValidationError(f"Адрес сайта пишется так: https://example.ru. Исправьте: {origin}")
        return origins

    def clean(self) -> dict[str, Any]:
        told = super().clean()
        kind = told.get("kind", self.instance.kind)
        kept = {name for name, value in self.instance.credentials.items() if value}
        given = kept | {name for name, value in self.credentials().items() if value}
        groups = NEEDED.get(kind, ())
        if groups and not any(given.issuperset(group) for group in groups):
            missing = next(name for name in groups[0] if name not in given)
            words = "Нужен ключ API или логин с паролем." if len(groups) > 1 else "Без этого канал не подключить."
            self.add_error(field_name(kind, missing), words)
        return told


def _credential_field(label: str, about: str, is_secret: bool) -> forms.Field:
    widget = UnfoldAdminPasswordWidget if is_secret else UnfoldAdminTextInputWidget
    return forms.CharField(
        label=label,
        help_text=about,
        required=False,
        max_length=300,
        widget=widget(attrs={"autocomplete": "new-password" if is_secret else "off"}),
    )


AccountForm = type(
    "AccountForm",
    (_AccountForm,),
    {
        field_name(kind, credential): _credential_field(*words)
        for kind, told in CREDENTIALS.items()
        for credential, words in told.items()
    },
)


@register(ChannelAccount, site=business_site)
class ChannelAccountAdmin(BusinessAdmin):
    form = AccountForm
    list_display = ["name", "kind", "branch", "shown_state"]
    list_filter = ["kind", "is_active"]
    list_select_related = ["branch"]
    readonly_fields = ["shown_state", "paused_reason", "hook_address", "embed_code"]
    conditional_fields = {
        field_name(kind, credential): f"kind == '{kind}'" for kind, told in CREDENTIALS.items() for credential in told
    } | {"allowed_origins": "kind == 'webchat' || kind == 'form'"}
    actions_submit_line = ["resume"]
    instead_of_deleting = "По этому подключению отправлены сообщения. Чтобы оно не работало, снимите «включён»."

    def get_fieldsets(self, request: HttpRequest, obj: ChannelAccount | None = None) -> Any:
        kinds = [obj.kind] if obj else list(CREDENTIALS)
        secrets = [field_name(kind, credential) for kind in kinds for credential in CREDENTIALS.get(kind, {})]
        takes_sites = obj is None or obj.kind in (ChannelKind.WEBCHAT, ChannelKind.FORM)
        main = ["kind", "name", "branch", *(["allowed_origins"] if takes_sites else []), "is_active"]
        if not self.has_change_permission(request):
            secrets = []
        parts = [(None, {"fields": main}), ("Доступы", {"fields": secrets})]
        if obj:
            state = ["shown_state", *(["paused_reason"] if obj.paused_reason else [])]
            addresses = [*(["hook_address"] if accounts.hook_url(obj) else [])]
            addresses += ["embed_code"] if obj.kind == ChannelKind.WEBCHAT else []
            parts += [("Состояние", {"fields": state}), ("Адреса", {"fields": addresses})]
        return [part for part in parts if part[1]["fields"]]

    def get_actions_submit_line(self, request: HttpRequest, object_id: Any) -> list[Any]:
        is_paused = ChannelAccount.objects.filter(pk=object_id).exclude(paused_reason="").exists()
        return super().get_actions_submit_line(request, object_id) if is_paused else []

    def save_model(self, request: HttpRequest, obj: ChannelAccount, form: Any, change: bool) -> None:
        accounts.save_account(obj, form.credentials())
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: ChannelAccount) -> None:
        HookKey.objects.filter(tenant=request.tenant, kind=obj.kind, account_id=obj.pk).delete()
        super().delete_model(request, obj)

    @action(description="Сохранить и возобновить", permissions=["change"])
    def resume(self, request: HttpRequest, account: ChannelAccount) -> None:
        outbound.resume(account)
        messages.success(request, "Канал возобновлён: то, что ждало, отправляется.")

    @display(description="состояние", label={"работает": "success", "остановлен": "danger", "выключен": "warning"})
    def shown_state(self, account: ChannelAccount) -> str:
        if account.paused_reason:
            return "остановлен"
        return "работает" if account.is_active else "выключен"

    @display(description="адрес приёма")
    def hook_address(self, account: ChannelAccount) -> SafeString:
        return _to_copy(accounts.hook_url(account))

    @display(description="код чата для сайта")
    def embed_code(self, account: ChannelAccount) -> SafeString:
        key = accounts.hook_url(account).rstrip("/").rsplit("/", 1)[-1]
        here = settings.PUBLIC_URL
        source = f"{here}{static('webchat/widget.js')}"
        return _to_copy(f'<script src="{source}" data-key="{key}" data-endpoint="{here}" defer></script>')


def _to_copy(text: str) -> SafeString:
    return format_html(
        '<div class="lh-copy"><code>{}</code>'
        '<button type="button" class="lh-button" data-copy>Копировать</button></div>',
        text,
    )


@register(InboundEvent, site=business_site)
class InboundEventAdmin(ReadOnly, BusinessAdmin):
    """All that came in, as it came: what could not be read is kept here."""

    list_display = ["received_at", "account", "shown_status", "error"]
    list_filter = ["status", "account"]
    list_select_related = ["account"]
    fields = ["received_at", "account", "status", "error", "content_type", "event_key", "shown_body"]
    ordering = ["-pk"]
    actions = ["read_again"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return rows if request.resolver_match and "object_id" in request.resolver_match.kwargs else rows.defer("body")

    @display(
        description="состояние",
        label={"обработано": "success", "принято": "info", "служебное": "info", "не разобрано": "danger"},
    )
    def shown_status(self, event: InboundEvent) -> str:
        return event.get_status_display()

    @display(description="тело")
    def shown_body(self, event: InboundEvent) -> SafeString:
        """As plain text whatever it holds; the account's own secrets are covered."""
        text = bytes(event.body).decode("utf-8", "replace").replace("\x00", "\N{REPLACEMENT CHARACTER}")
        for secret in filter(None, event.account.credentials.values()):
            text = text.replace(str(secret), "•••")
        cut = f"\n… ещё {len(text) - SHOWN_BODY} знаков" if len(text) > SHOWN_BODY else ""
        return format_html('<pre class="lh-body">{}{}</pre>', text[:SHOWN_BODY], cut)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "change")

    @action(description="Разобрать ещё раз", permissions=["retry"])
    def read_again(self, request: HttpRequest, rows: QuerySet) -> None:
        number = sum(inbound.read_again(event) for event in rows.order_by("pk"))
        messages.success(request, f"Отправлено на разбор: {number}.")


@register(Delivery, site=business_site)
class DeliveryAdmin(ReadOnly, BusinessAdmin):
    """What was sent to clients, and what did not arrive."""

    list_display = ["created_at", "account", "shown_to", "short_text", "shown_status", "error"]
    list_filter = ["status", "account"]
    list_select_related = ["account", "conversation__contact"]
    fields = ["created_at", "account", "shown_to", "text", "status", "error", "sent_at", "by_assistant", "fallback_sms"]
    ordering = ["-pk"]
    actions = ["send_again"]

    @display(description="кому")
    def shown_to(self, delivery: Delivery) -> str:
        """A person or a phone; a channel's own number says nothing to an owner."""
        return str(delivery.conversation.contact if delivery.conversation else delivery.to)

    @display(description="текст")
    def short_text(self, delivery: Delivery) -> str:
        return delivery.text if len(delivery.text) <= 80 else f"{delivery.text[:80]}…"

    @display(
        description="состояние",
        label={
            "отправляется": "info",
            "отправлено": "success",
            "доставлено": "success",
            "не доставлено": "danger",
            "отменено": "warning",
        },
    )
    def shown_status(self, delivery: Delivery) -> str:
        return delivery.get_status_display()

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "change")

    @action(description="Отправить ещё раз", permissions=["retry"])
    def send_again(self, request: HttpRequest, rows: QuerySet) -> None:
        """Failed ones alone; the others have an outcome already."""
        failed = list(rows.filter(status=Delivery.Status.FAILED).order_by("pk"))
        for delivery in failed:
            outbound.retry(delivery, now=clock.now())
        messages.success(request, f"Отправляется ещё раз: {len(failed)}.")


@register(Notice, site=business_site)
class NoticeAdmin(ReadOnly, BusinessAdmin):
    """What the staff was told outside of the screen, how it went and what they answered."""

    list_display = ["created_at", "staff", "text", "shown_state", "shown_way", "shown_answer"]
    list_filter = ["state", "staff", "kind"]
    list_select_related = ["staff"]
    fields = ["created_at", "staff", "text", "shown_state", "shown_tries", "seen_at", "shown_answer", "outcome"]
    ordering = ["-pk"]
    actions = ["tell_again"]

    @display(
        description="состояние",
        label={
            "ждёт отправки": "info",
            "отправляется": "info",
            "отправлено": "success",
            "не доставлено": "danger",
            "не понадобилось": "warning",
            "только на экране": "warning",
        },
    )
    def shown_state(self, notice: Notice) -> str:
        return notice.get_state_display()

    @display(description="как")
    def shown_way(self, notice: Notice) -> str:
        sent = notice.last_sent
        return _way(sent["channel"]) if sent else "—"

    @display(description="ответ")
    def shown_answer(self, notice: Notice) -> str:
        if notice.answer and notice.answered_at:
            return f"{notice.get_answer_display()}, {timezone.localtime(notice.answered_at):%H:%M:%S}"
        return "увидено" if notice.seen_at else "—"

    @display(description="попытки")
    def shown_tries(self, notice: Notice) -> SafeString:
        return format_html_join(mark_safe("<br>"), "{}", ((_try_line(one),) for one in notice.tries)) or mark_safe("—")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "change")

    @action(description="Отправить ещё раз", permissions=["retry"])
    def tell_again(self, request: HttpRequest, rows: QuerySet) -> None:
        """Those that did not arrive; the others are on their way or were told."""
        number = sum(notice_sending.retry(notice, now=clock.now()) for notice in rows.order_by("pk"))
        messages.success(request, f"Отправляется ещё раз: {number}.")


def _way(channel: str) -> str:
    return str(NoticeChannel(channel).label) if channel in NoticeChannel.values else channel


def _try_line(one: dict[str, Any]) -> str:
    """«12:03:05 Telegram: не доставлено: бот отключён»."""
    states = {"sent": "принято", "failed": "не доставлено", "later": "не отвечает", "again": "отправлено ещё раз"}
    moment = parse_datetime(one["at"])
    at = f"{timezone.localtime(moment):%H:%M:%S}" if moment else ""
    parts = [_way(one["channel"]), states[one["state"]], one.get("error", "")]
    return f"{at} " + ": ".join(part for part in parts if part)
