"""Who may do what: roles of a business, by membership."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from rest_framework.permissions import BasePermission

from tenants.models import AgencyMembership, Membership, Role, Tenant, User

# What each role may do on the product's own screens. The admin's rights stand in ADMIN_RIGHTS.
ABILITIES: dict[str, frozenset[str]] = {
    Role.OWNER: frozenset({"inbox", "inbox.all", "reports", "calendar", "settings", "retry", "tryout", "campaigns"}),
    Role.SENIOR: frozenset({"inbox", "inbox.all", "reports", "calendar", "settings", "retry", "tryout", "campaigns"}),
    Role.MANAGER: frozenset({"inbox", "inbox.all", "reports", "calendar", "tryout", "campaigns"}),
    Role.RECEPTIONIST: frozenset({"inbox", "inbox.all", "calendar"}),
    Role.SPECIALIST: frozenset({"inbox", "calendar"}),  # only leads that are theirs
    Role.MARKETING: frozenset({"reports", "campaigns"}),
}
# App label -> actions of a role in the business's admin.
_ALL = frozenset({"view", "add", "change", "delete"})
_VIEW = frozenset({"view"})
_ROOMS = (
    "business",
    "contacts",
    "channels_app",
    "assistant",
    "booking",
    "routing",
    "rules",  # the page of routing rules, apart from the rest of its room
    "crm",
    "reminders",
    "admin",
)
ADMIN_RIGHTS: dict[str, dict[str, frozenset[str]]] = {
    Role.OWNER: dict.fromkeys(_ROOMS, _ALL),
    Role.SENIOR: {
        "business": _ALL,
        "contacts": _VIEW,
        "booking": _VIEW,
        "routing": _ALL,
        "rules": _ALL,
        "reminders": _VIEW,
    },
    Role.MANAGER: {"business": _VIEW, "rules": _ALL},
    Role.RECEPTIONIST: {"rules": _VIEW},
    Role.SPECIALIST: {"rules": _VIEW},
    Role.MARKETING: {"rules": _VIEW},
}


@dataclass(frozen=True)
class Member:
    """A user inside one business. `through_agency`: a person of the agency that looks after it."""

    user: User
    tenant: Tenant
    role: str
    through_agency: bool = False

    def may(self, ability: str) -> bool:
        return ability in ABILITIES.get(self.role, frozenset())

    @property
    def role_title(self) -> str:
        return "Агентство" if self.through_agency else str(Role(self.role).label)

    @property
    def staff(self) -> Any:
        """The staff member of this user in the current tenant, or None (an owner need not be on the staff)."""
        from tenants.business.models import StaffMember

        if not hasattr(self, "_staff"):
            object.__setattr__(self, "_staff", StaffMember.objects.filter(user_id=self.user.pk, is_active=True).first())
        return self._staff


def member_of(tenant: Tenant, user: Any) -> Member | None:
    """The user's membership in a business, also by way of its agency; None for everybody else, superusers too."""
    if not user.is_authenticated or not user.is_active:
        return None
    own = Membership.objects.filter(tenant=tenant, user=user).first()
    if own:
        return Member(user, tenant, own.role)
    agency = AgencyMembership.objects.filter(agency_id=tenant.agency_id, user=user).first()
    if agency:
        role = Role.OWNER if agency.role == AgencyMembership.Role.ADMIN else Role.SENIOR
        return Member(user, tenant, role, through_agency=True)
    return None


def tenants_of(user: User) -> list[Member]:
    """Every open business that the user may enter, by name."""
    own = Membership.objects.filter(user=user, tenant__closed_at=None).select_related("tenant")
    found = {m.tenant_id: Member(user, m.tenant, m.role) for m in own}
    for agency in AgencyMembership.objects.filter(user=user):
        role = Role.OWNER if agency.role == AgencyMembership.Role.ADMIN else Role.SENIOR
        for tenant in Tenant.objects.filter(agency_id=agency.agency_id, closed_at=None):
            found.setdefault(tenant.pk, Member(user, tenant, role, through_agency=True))
    return sorted(found.values(), key=lambda member: member.tenant.name)


def may_edit(member: Member | None, app_label: str, action: str) -> bool:
    """Whether the business's admin lets a member do `action` (view, add, change, delete) in a room.

    Asks the role alone: what a superuser may elsewhere counts for nothing in a business."""
    return member is not None and action in ADMIN_RIGHTS.get(member.role, {}).get(app_label, frozenset())


def needs(ability: str) -> Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]:
    """Let a view in for members whose role has the ability; others get 403."""

    def wrap(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.member is None or not request.member.may(ability):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return wrap


class RoleBackend:
    """Admin and DRF rights from the membership in the tenant of the moment."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        return None

    def get_user(self, user_id: int) -> User | None:
        return User.objects.filter(pk=user_id).first()

    def has_perm(self, user: Any, perm: str, obj: Any = None) -> bool:
        app, _, name = perm.partition(".")
        return name.partition("_")[0] in self._rights(user).get(app, frozenset())

    def has_module_perms(self, user: Any, app_label: str) -> bool:
        return bool(self._rights(user).get(app_label))

    def _rights(self, user: Any) -> dict[str, frozenset[str]]:
        tenant = connection.tenant
        if not isinstance(tenant, Tenant) or not user.is_active:
            return {}
        cache = user.__dict__.setdefault("_role_rights", {})
        if tenant.pk not in cache:
            member = member_of(tenant, user)
            cache[tenant.pk] = ADMIN_RIGHTS.get(member.role, {}) if member else {}
        return cache[tenant.pk]


class IsMember(BasePermission):
    """DRF: members of the tenant whose role may see the inbox or reports."""

    def has_permission(self, request: Any, view: Any) -> bool:
        member = getattr(request._request, "member", None)
        return bool(member and (member.may(getattr(view, "ability", "inbox"))))


def openapi_servers(result: dict, generator: Any, request: Any, public: bool) -> dict:
    """Paths of the schema are relative to the tenant's prefix; say so."""
    result["servers"] = [{"url": (request.META.get("SCRIPT_NAME") if request else None) or "/"}]
    return result
