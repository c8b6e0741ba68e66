"""Addresses of the calendar, below `calendar/`."""

from django.urls import path

from inbox import calendar

app_name = "calendar"
urlpatterns = [
    path("", calendar.day, name="day"),
    path("<int:visit_id>/arrived/", calendar.arrived, name="arrived"),
    path("<int:visit_id>/no-show/", calendar.no_show, name="no_show"),
    path("<int:visit_id>/confirm/", calendar.confirm, name="confirm"),
    path("<int:visit_id>/cancel/", calendar.cancel, name="cancel"),
    path("<int:visit_id>/move/", calendar.move, name="move"),
]
