"""How a person gets into a business: by e-mail, with a link to choose a password."""

from __future__ import annotations

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.urls import get_resolver

from leadhub.work import later
from tenants.models import Agency, AgencyMembership, Membership, Tenant, User

TO_BUSINESS = "tenants.invite"
TO_AGENCY = "tenants.invite_to_agency"


@transaction.atomic
def invite(tenant: Tenant, *, email: str, role: str, name: str = "") -> Membership:
    """Let the person of that e-mail into the business, and write to them. A person who is in already gets the role."""
    user = user_of(email, name)
    membership, _ = Membership.objects.update_or_create(tenant=tenant, user=user, defaults={"role": role})
    later(TO_BUSINESS, membership.pk)
    return membership


@transaction.atomic
def invite_to_agency(agency: Agency, *, email: str, role: str, name: str = "") -> AgencyMembership:
    """Let the person of that e-mail into the agency, its admin included, and write to them."""
    user = user_of(email, name)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    membership, _ = AgencyMembership.objects.update_or_create(agency=agency, user=user, defaults={"role": role})
    later(TO_AGENCY, membership.pk)
    return membership


@transaction.atomic
def leave_agency(membership: AgencyMembership) -> None:
    """End a person's place in an agency; who belongs to no agency opens no agency admin."""
    user = membership.user
    membership.delete()
    if not user.is_superuser and not AgencyMembership.objects.filter(user=user).exists():
        User.objects.filter(pk=user.pk).update(is_staff=False)


def user_of(email: str, name: str = "") -> User:
    """The user of an e-mail; made, without a password, where there is none."""
    email = User.objects.normalize_email(email.strip()).lower()
    return User.objects.filter(email=email).first() or User.objects.create_user(email, None, name=name)


def password_link(user: User) -> str:
    """Address at which the user chooses a password; serves until it is used or the user logs in."""
    path = get_resolver(settings.PUBLIC_SCHEMA_URLCONF).reverse(
        "account_reset_password_from_key",
        uidb36=user_pk_to_url_str(user),
        key=default_token_generator.make_token(user),
    )
    return f"{settings.PUBLIC_URL}/{path}"


def link_to_show(membership: Membership) -> str:
    """The link, for the owner to pass on; "" for a person who chose a password, or belongs somewhere else too:
    whoever holds the link becomes that person."""
    user = membership.user
    elsewhere = Membership.objects.filter(user=user).exclude(pk=membership.pk).exists()
    is_more = user.is_staff or user.is_superuser or AgencyMembership.objects.filter(user=user).exists()
    return "" if user.has_usable_password() or elsewhere or is_more else password_link(user)


def write_to(user: User, place: str) -> None:
    """Send the invitation. Raises what the mail server's library raises: the due work comes again."""
    if user.has_usable_password():
        words, link = "Войдите со своим паролем:", f"{settings.PUBLIC_URL}/accounts/login/"
    else:
        words, link = "Придумайте пароль, чтобы войти:", password_link(user)
    send_mail(
        f"Вас пригласили: {place}",
        f"Здравствуйте!\n\nВам открыт доступ: {place}.\n{words}\n{link}\n\nВход по этому адресу почты: {user.email}.\n",
        settings.DEFAULT_FROM_EMAIL,
        [user.email],
    )
