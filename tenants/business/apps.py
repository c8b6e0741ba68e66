from django.apps import AppConfig


class BusinessConfig(AppConfig):
    name = "tenants.business"
    label = "business"
    verbose_name = "Бизнес"
