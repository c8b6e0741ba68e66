"""Addresses outside any tenant."""

from django.urls import include, path

from leadhub import health

urlpatterns = [
    path("healthz", health.healthz),
    path("readyz", health.readyz),
    path("hooks/", include("channels_app.urls")),
    path("go/", include("routing.urls_go")),
    path("admin/", include("tenants.urls_agency_admin", namespace="agency_admin")),
    path("accounts/", include("allauth.urls")),
    path("", include("agency.urls")),
    path("", include("agency.urls_home")),
]
