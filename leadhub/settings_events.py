"""Settings of the event server: the same, with its own addresses, few middlewares and connections that are not kept."""

from leadhub.settings import *  # noqa: F403 - the same settings but for what follows
from leadhub.settings import DATABASES

ROOT_URLCONF = PUBLIC_SCHEMA_URLCONF = "leadhub.urls_events"
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
]
DATABASES["default"]["CONN_MAX_AGE"] = 0  # each request may run in a fresh thread: kept connections would leak
