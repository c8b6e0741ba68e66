"""Address of a business's demo page."""

from django.urls import path

from agency import site

app_name = "site"
urlpatterns = [path("", site.demo_page, name="demo")]
