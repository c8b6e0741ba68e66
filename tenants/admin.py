"""The agency's admin: businesses, people, owed work. And, in a business's admin, who may enter it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import register
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django_tenants.utils import tenant_context
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from leadhub import clock
from leadhub.work.admin import DueWorkAdmin
from leadhub.work.models import DueWork
from tenants import invitations
from tenants.business.models import BusinessSettings, StaffMember
from tenants.editing import BusinessAdmin, PlainPages, ReadOnly
from tenants.models import Agency, AgencyMembership, Domain, HookKey, Membership, Role, Tenant, Trade, User
from tenants.provisioning import close_tenant, open_tenant
from tenants.signals import tenant_opened
from tenants.sites import agency_site, business_site

OPERATOR = [AgencyMembership.Role.OPERATOR, AgencyMembership.Role.ADMIN]
ADMIN = [AgencyMembership.Role.ADMIN]


def agencies_of(user: Any, roles: list[str] = OPERATOR) -> QuerySet[Agency]:
    """Agencies in which the user has one of the roles; all of them for a superuser."""
    if user.is_superuser:
        return Agency.objects.all()
    return Agency.objects.filter(memberships__user=user, memberships__role__in=roles).distinct()


# --- Rights -------------------------------------------------------------------------------------------------------


class ByAgency:
    """People of an agency see what is their agency's. `needs`: action -> roles that may; superusers may all.

    `agency_path`: the lookup from the model to its agency."""

    needs: dict[str, list[str]] = {"view": OPERATOR, "add": ADMIN, "change": ADMIN, "delete": ADMIN}
    agency_path = "agency"

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        rows = super().get_queryset(request)
        return rows if request.user.is_superuser else rows.filter(self._mine(request.user, OPERATOR))

    def _mine(self, user: Any, roles: list[str]) -> Q:
        return Q(**{f"{self.agency_path}__in": agencies_of(user, roles).values("pk")})

    def _may(self, request: HttpRequest, action: str, obj: Any = None) -> bool:
        if request.user.is_superuser:
            return True
        roles = self.needs.get(action, [])
        if not roles or not agencies_of(request.user, roles).exists():
            return False
        if obj is None:
            return True
        rows = self.model._default_manager.filter(self._mine(request.user, roles))
        return rows.filter(pk=getattr(obj, "pk", obj)).exists()

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self._may(request, "view")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "view", obj)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "change", obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self._may(request, "delete", obj)

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        mine = agencies_of(request.user, ADMIN)
        if db_field.name == "agency":
            kwargs["queryset"] = mine
        if db_field.name == "tenant":
            kwargs["queryset"] = Tenant.objects.filter(agency__in=mine, closed_at=None)
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field:
            for extra in ("can_add_related", "can_change_related", "can_delete_related", "can_view_related"):
                setattr(field.widget, extra, False)
        return field


class AgencyAdmin(ByAgency, PlainPages, ModelAdmin):
    """A list and a form of the agency's admin."""


# --- Businesses ---------------------------------------------------------------------------------------------------


class OpenTenantForm(forms.ModelForm):
    """A new business and the owner who is invited into it."""

    owner_email = forms.EmailField(
        label="Почта владельца", widget=UnfoldAdminEmailInputWidget, help_text="Получит приглашение."
    )
    owner_name = forms.CharField(
        label="Имя владельца", max_length=120, required=False, widget=UnfoldAdminTextInputWidget
    )

    class Meta:
        model = Tenant
        fields = ["name", "slug", "agency", "trade", "city", "is_demo"]
        help_texts = {"slug": "Латинские буквы, цифры и дефис: страницы откроются по адресу /t/адрес/. Навсегда."}

    def clean_slug(self) -> str:
        slug = self.cleaned_data["slug"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", ["t_" + slug.replace("-", "_")])
            if cursor.fetchone():
                raise forms.ValidationError("Этот адрес уже занят.")
        return slug


class CloseTenantForm(forms.Form):
    slug = forms.CharField(label="Адрес бизнеса, чтобы подтвердить", widget=UnfoldAdminTextInputWidget)
    erase = forms.BooleanField(
        label="Стереть все данные навсегда",
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text="Клиенты, переписка, записи, настройки. Восстановить будет нельзя.",
    )

    def __init__(self, *args: Any, tenant: Tenant, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.tenant = tenant
        self.fields["slug"].help_text = f"Введите: {tenant.slug}"

    def clean_slug(self) -> str:
        if self.cleaned_data["slug"].strip() != self.tenant.slug:
            raise forms.ValidationError("Адрес не совпадает.")
        return self.tenant.slug


class DomainInline(ByAgency, TabularInline):
    model = Domain
    extra = 0
    agency_path = "tenant__agency"
    fields = ["domain", "is_primary"]


@register(Tenant, site=agency_site)
class TenantAdmin(AgencyAdmin):
    """Opened and closed by the two verbs alone; a schema is never made or dropped by a plain save."""

    list_display = ["name", "slug", "agency", "trade", "city", "shown_state", "created_at"]
    list_filter = ["trade", "city", "is_demo"]
    list_select_related = ["agency"]
    search_fields = ["name", "slug"]
    needs = {"view": OPERATOR, "add": ADMIN, "change": ADMIN}
    actions_detail = ["close"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        owner = [] if obj else [("Владелец", {"fields": ["owner_email", "owner_name"]})]
        names = ["name", "slug", "agency", "trade", "city", "is_demo"]
        return [(None, {"fields": names + (["created_at", "closed_at"] if obj else [])}), *owner]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["slug", "agency", "created_at", "closed_at"] if obj else []

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = OpenTenantForm
        return super().get_form(request, obj, change, **kwargs)

    def get_inlines(self, request: HttpRequest, obj: Any) -> list[Any]:
        return [DomainInline] if obj and not obj.closed_at else []

    def save_model(self, request: HttpRequest, obj: Tenant, form: Any, change: bool) -> None:
        if change:
            obj.save()
            return
        told = form.cleaned_data
        tenant = open_tenant(**{name: told[name] for name in OpenTenantForm.Meta.fields})
        obj.pk, obj.schema_name = tenant.pk, tenant.schema_name
        obj._state.adding = False
        with tenant_context(tenant):
            BusinessSettings.objects.create(
                pk=1, public_name=tenant.name, is_clinical=tenant.trade in (Trade.DENTAL, Trade.CLINIC)
            )
        owner = invitations.invite(tenant, email=told["owner_email"], role=Role.OWNER, name=told["owner_name"])
        tenant_opened.send(Tenant, tenant=tenant, now=clock.now())
        _tell_invited(request, owner)

    @display(description="состояние", label={"работает": "success", "закрыт": "danger", "демо": "info"})
    def shown_state(self, tenant: Tenant) -> str:
        if tenant.closed_at:
            return "закрыт"
        return "демо" if tenant.is_demo else "работает"

    @action(description="Закрыть бизнес", permissions=["change"], icon="block")
    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        tenant = self.get_object(request, object_id)
        if tenant is None:
            raise PermissionDenied
        if tenant.closed_at:
            messages.info(request, "Этот бизнес уже закрыт.")
            return redirect("admin:tenants_tenant_change", tenant.pk)
        form = CloseTenantForm(request.POST or None, tenant=tenant)
        if request.method == "POST" and form.is_valid():
            erase = form.cleaned_data["erase"]
            with transaction.atomic():
                self.log_change(request, tenant, "Закрыт, данные стёрты." if erase else "Закрыт.")
                close_tenant(tenant, now=clock.now(), erase=erase)
            messages.success(request, "Бизнес закрыт, данные стёрты." if erase else "Бизнес закрыт.")
            return redirect("admin:tenants_tenant_changelist")
        context = {
            **self.admin_site.each_context(request),
            "title": f"Закрыть «{tenant.name}»?",
            "opts": self.opts,
            "original": tenant,
            "form": form,
        }
        return TemplateResponse(request, "admin/close_tenant.html", context)


@register(HookKey, site=agency_site)
class HookKeyAdmin(ReadOnly, AgencyAdmin):
    """Where posts arrive. The key is half of the secret, so only its beginning is shown; the signature never."""

    list_display = ["tenant", "kind", "shown_key", "is_enabled", "refused"]
    list_filter = ["kind", "is_enabled"]
    list_select_related = ["tenant"]
    list_display_links = None
    fields = ["tenant", "kind", "shown_key", "account_id", "is_enabled", "refused"]
    agency_path = "tenant__agency"

    @display(description="ключ")
    def shown_key(self, hook: HookKey) -> str:
        return f"{hook.key[:4]}…"


# --- People -------------------------------------------------------------------------------------------------------


class InviteForm(forms.ModelForm):
    """Somebody by e-mail; the role decides what they may."""

    email = forms.EmailField(label="Почта", widget=UnfoldAdminEmailInputWidget, help_text="Получит приглашение.")
    name = forms.CharField(label="Имя", max_length=120, required=False, widget=UnfoldAdminTextInputWidget)


class ByInvitation:
    """People come in by e-mail, so no list of other people's users is ever offered."""

    invite_form: type[InviteForm] = InviteForm
    invited_fields = ["email", "name", "role"]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            kwargs["form"] = self.invite_form
        return super().get_form(request, obj, change, **kwargs)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        place = [name for name in self.invited_fields if name not in ("email", "name", "role")]
        return [*place, "user", "role"] if obj else self.invited_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [name for name in ("agency", "tenant", "user") if name in self.get_fields(request, obj)] if obj else []


def _tell_invited(request: HttpRequest, membership: Membership) -> None:
    messages.success(request, f"Приглашение отправлено: {membership.user.email}.")
    if link := invitations.link_to_show(membership):
        messages.info(request, f"Если письмо не дойдёт, передайте ссылку для выбора пароля: {link}")


def _adopt(obj: Model, made: Model) -> None:
    """The admin goes on with `obj`; the verb has made the row."""
    for field in obj._meta.concrete_fields:
        setattr(obj, field.attname, getattr(made, field.attname))
    obj._state.adding = False


@register(Membership, site=agency_site)
class MembershipAdmin(ByInvitation, AgencyAdmin):
    list_display = ["user", "email", "tenant", "role"]
    list_filter = ["role"]
    list_select_related = ["user", "tenant"]
    search_fields = ["user__email", "user__name", "tenant__name"]
    agency_path = "tenant__agency"
    invited_fields = ["tenant", "email", "name", "role"]

    @display(description="почта")
    def email(self, membership: Membership) -> str:
        return membership.user.email

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            obj.save()
            return
        told = form.cleaned_data
        made = invitations.invite(told["tenant"], email=told["email"], role=told["role"], name=told["name"])
        _adopt(obj, made)
        _tell_invited(request, made)


@register(AgencyMembership, site=agency_site)
class AgencyMembershipAdmin(ByInvitation, AgencyAdmin):
    list_display = ["user", "email", "agency", "role"]
    list_filter = ["role"]
    list_select_related = ["user", "agency"]
    search_fields = ["user__email", "user__name"]
    invited_fields = ["agency", "email", "name", "role"]

    @display(description="почта")
    def email(self, membership: AgencyMembership) -> str:
        return membership.user.email

    def save_model(self, request: HttpRequest, obj: AgencyMembership, form: Any, change: bool) -> None:
        if change:
            obj.save()
            return
        told = form.cleaned_data
        _adopt(
            obj,
            invitations.invite_to_agency(told["agency"], email=told["email"], role=told["role"], name=told["name"]),
        )
        messages.success(request, f"Приглашение отправлено: {obj.user.email}.")

    def delete_model(self, request: HttpRequest, obj: AgencyMembership) -> None:
        invitations.leave_agency(obj)


@register(Agency, site=agency_site)
class AgenciesAdmin(AgencyAdmin):
    list_display = ["name", "created_at"]
    fields = ["name"]
    agency_path = "pk"
    needs = {"view": OPERATOR, "change": ADMIN}


@register(User, site=agency_site)
class UserAdmin(AgencyAdmin):
    """Superusers edit; people of an agency see those of their businesses and of the agency itself."""

    list_display = ["email", "name", "is_active", "is_staff", "is_superuser", "last_login"]
    list_filter = ["is_active"]
    search_fields = ["email", "name"]
    ordering = ["email"]
    fields = ["email", "name", "is_active", "is_superuser", "is_staff", "last_login", "date_joined"]
    readonly_fields = ["is_staff", "last_login", "date_joined"]
    needs = {"view": OPERATOR}

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def _mine(self, user: Any, roles: list[str]) -> Q:
        mine = list(agencies_of(user, roles).values_list("pk", flat=True))
        people = Membership.objects.filter(tenant__agency__in=mine).values("user")
        colleagues = AgencyMembership.objects.filter(agency__in=mine).values("user")
        return Q(pk__in=people) | Q(pk__in=colleagues)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        obj.email = obj.email.lower()
        obj.is_staff = obj.is_superuser or AgencyMembership.objects.filter(user_id=obj.pk).exists()
        if not change:
            obj.set_unusable_password()
        obj.save()


# --- Owed work ----------------------------------------------------------------------------------------------------


@register(DueWork, site=agency_site)
class AgencyWorkAdmin(ByAgency, PlainPages, DueWorkAdmin):
    needs = {"view": OPERATOR}
    list_per_page = 100

    def _mine(self, user: Any, roles: list[str]) -> Q:
        return Q(schema__in=Tenant.objects.filter(agency__in=agencies_of(user, roles)).values("schema_name"))

    def has_retry_permission(self, request: HttpRequest) -> bool:
        """Operators watch over the work of their businesses, so they mend it too."""
        return self._may(request, "view")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


# --- Access, in the business's own admin ----------------------------------------------------------------------------


class AccessForm(InviteForm):
    staff = forms.ModelChoiceField(
        label="Кто это из сотрудников",
        queryset=StaffMember.objects.none(),
        required=False,
        empty_label="никто из списка",
        widget=UnfoldAdminSelectWidget,
        help_text="Тогда заявки и уведомления этого сотрудника придут этому человеку.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["staff"].queryset = StaffMember.objects.filter(is_active=True, user=None)


@register(Membership, site=business_site)
class AccessAdmin(ByInvitation, BusinessAdmin):
    """People who may enter this business, those of this business alone."""

    rights_room = "admin"
    list_display = ["user", "email", "role", "shown_staff"]
    list_select_related = ["user"]
    invite_form = AccessForm
    invited_fields = ["email", "name", "role", "staff"]

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).filter(tenant=request.tenant)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["user", "email", "role"] if obj else self.invited_fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["user", "email"] if obj else []

    @display(description="почта")
    def email(self, membership: Membership) -> str:
        return membership.user.email

    @display(description="сотрудник")
    def shown_staff(self, membership: Membership) -> str:
        return ", ".join(StaffMember.objects.filter(user_id=membership.user_id).values_list("name", flat=True)) or "—"

    def save_model(self, request: HttpRequest, obj: Membership, form: Any, change: bool) -> None:
        if change:
            obj.save()
            return
        told = form.cleaned_data
        made = invitations.invite(request.tenant, email=told["email"], role=told["role"], name=told["name"])
        _adopt(obj, made)
        if told["staff"]:
            StaffMember.objects.filter(pk=told["staff"].pk).update(user=made.user)
        _tell_invited(request, made)

    def delete_model(self, request: HttpRequest, obj: Membership) -> None:
        StaffMember.objects.filter(user_id=obj.user_id).update(user=None)
        obj.delete()

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The last owner stays, and nobody shuts themselves out."""
        return super().has_delete_permission(request, obj) and not (obj and self._is_needed(request, obj))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and not (obj and self._is_needed(request, obj))

    def _is_needed(self, request: HttpRequest, obj: Membership) -> bool:
        if getattr(obj, "user_id", None) == request.user.pk:
            return True
        others = Membership.objects.filter(tenant=request.tenant, role=Role.OWNER).exclude(pk=getattr(obj, "pk", obj))
        return getattr(obj, "role", "") == Role.OWNER and not others.exists()
