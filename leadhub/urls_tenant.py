"""Addresses inside a tenant, below `/t/<slug>/` or an own domain."""

from django.urls import include, path

urlpatterns = [
    path("api/v1/", include("routing.api_urls")),
    path("site/", include("agency.site_urls")),
]
