from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WorkConfig(AppConfig):
    name = "leadhub.work"
    label = "work"
    verbose_name = "Отложенная работа"

    def ready(self) -> None:
        autodiscover_modules("handlers")  # each room's doorbells
