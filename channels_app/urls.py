"""Below `/hooks/`: every outside caller's address."""

from django.urls import path

from channels_app import webhooks

app_name = "hooks"
urlpatterns = [
    path("<slug:kind>/<str:key>/", webhooks.hook, name="hook"),
    path("<slug:kind>/<str:key>/<path:rest>", webhooks.hook, name="hook-path"),
]
