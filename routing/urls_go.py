"""Addresses of short links, below `/go/`, outside any tenant."""

from django.urls import path

from routing import going

urlpatterns = [path("<str:code>", going.go), path("<str:code>/<str:landing>", going.go)]
