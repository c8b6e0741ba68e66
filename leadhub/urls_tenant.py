"""Addresses inside a tenant, below `/t/<slug>/` or an own domain."""

from django.urls import include, path

urlpatterns = [
    path("", include("inbox.urls_home")),
    path("inbox/", include("inbox.urls")),
    path("tryout/", include("inbox.urls_tryout")),
    path("calendar/", include("inbox.urls_calendar")),
    path("reports/", include("reports.urls")),
    path("admin/", include("tenants.urls_business_admin", namespace="business_admin")),
    path("api/v1/", include("routing.api_urls")),
    path("site/", include("agency.site_urls")),
]
