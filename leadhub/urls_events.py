"""Addresses of the event server."""

from django.urls import include, path

urlpatterns = [path("", include("channels_app.urls_events"))]
