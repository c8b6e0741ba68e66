"""Addresses of event streams (served by the event server alone)."""

from django.urls import path

from channels_app import streams

urlpatterns = [
    path("t/<slug:slug>/events/", streams.staff_events),
    path("t/<slug:slug>/events/chat/", streams.visitor_events),
]
