"""How people come in: by invitation only."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from tenants import access


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Straight to the one business of a person who has one, else to the list of them."""
        own = access.tenants_of(request.user)
        return f"/t/{own[0].tenant.slug}/" if len(own) == 1 else "/"

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        """People log in by e-mail; there are no user names."""
