"""Addresses inside a tenant, below `/t/<slug>/` or an own domain."""

urlpatterns: list = []
