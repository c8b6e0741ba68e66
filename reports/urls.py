"""Addresses of the reports, below `reports/`."""

from django.urls import path

from reports import views

app_name = "reports"
urlpatterns = [
    path("", views.owner, name="owner"),
    path("leads/", views.leads, name="leads"),
    path("leads.csv", views.export, name="export"),
]
