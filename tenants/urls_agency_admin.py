"""Addresses of the agency's admin."""

from tenants.sites import agency_site

app_name = "admin"
urlpatterns = agency_site.get_urls()
