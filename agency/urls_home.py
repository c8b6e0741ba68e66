"""The root address."""

from django.urls import path

from agency import views

urlpatterns = [path("", views.home, name="home")]
