"""Addresses of a business's own admin."""

from tenants.sites import business_site

app_name = "admin"
urlpatterns = business_site.get_urls()
