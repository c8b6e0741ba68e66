"""Addresses of an agency, outside any business."""

from django.urls import path

from agency import views

app_name = "agency"
urlpatterns = [path("agency/", views.tenants_list, name="list")]
