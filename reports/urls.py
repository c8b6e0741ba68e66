"""Addresses of the reports, below `reports/`."""

from django.urls import path

from reports import campaign_views as campaigns
from reports import views

app_name = "reports"
urlpatterns = [
    path("", views.owner, name="owner"),
    path("leads/", views.leads, name="leads"),
    path("leads.csv", views.export, name="export"),
    path("campaigns/", campaigns.all_campaigns, name="campaigns"),
    path("campaigns/new/", campaigns.new, name="campaign_new"),
    path("campaigns/spend/", campaigns.spend, name="spend"),
    path("campaigns/spend/sheet/", campaigns.sheet, name="spend_sheet"),
    path("campaigns/spend/keep/", campaigns.keep_sheet, name="spend_keep"),
    path("campaigns/<int:campaign_id>/", campaigns.one, name="campaign"),
    path("campaigns/<int:campaign_id>/edit/", campaigns.edit, name="campaign_edit"),
    path("campaigns/<int:campaign_id>/close/", campaigns.close, name="campaign_close"),
    path("campaigns/<int:campaign_id>/print/", campaigns.printed, name="campaign_print"),
    path("campaigns/<int:campaign_id>/qr.<str:kind>", campaigns.qr, name="campaign_qr"),
]
