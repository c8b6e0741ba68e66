"""Addresses of the try-out console, below `tryout/`."""

from django.urls import path

from inbox.tryout import views

app_name = "tryout"
urlpatterns = [
    path("", views.console, name="console"),
    path("save/", views.save, name="save"),
    path("saved/", views.saved_list, name="saved"),
    path("saved/run/", views.run_all, name="run_all"),
    path("saved/<int:saved_id>/", views.open_saved, name="open"),
    path("saved/<int:saved_id>/run/", views.run, name="run"),
    path("saved/<int:saved_id>/accept/", views.accept, name="accept"),
    path("saved/<int:saved_id>/change/", views.change, name="change"),
    path("saved/<int:saved_id>/delete/", views.delete, name="delete"),
]
