"""Addresses of the event server."""

from django.urls import path

from channels_app import streams

urlpatterns = [
    path("t/<slug:slug>/events/", streams.staff_events),
    path("events/visitor/", streams.visitor_events),
]
