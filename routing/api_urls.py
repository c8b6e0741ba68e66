"""Addresses of the JSON API of a business."""

from csp.decorators import csp_update
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from routing import api

router = SimpleRouter()
router.register("leads", api.Leads, basename="leads")
router.register("conversations", api.Conversations, basename="conversations")
router.register("appointments", api.Appointments, basename="appointments")

# Swagger's page starts itself with an inline script.
_inline = csp_update({"script-src": "'unsafe-inline'", "style-src": "'unsafe-inline'"})
_docs = _inline(SpectacularSwaggerView.as_view(url_name="api:schema"))

app_name = "api"
urlpatterns = [
    path("", include(router.urls)),
    path("openings/", api.Openings.as_view(), name="openings"),
    path("schema/", SpectacularAPIView.as_view(urlconf="routing.api_urls"), name="schema"),
    path("docs/", _docs, name="docs"),
]
