from django.apps import AppConfig


class CrmConfig(AppConfig):
    name = "crm"
    verbose_name = "Битрикс24"

    def ready(self) -> None:
        from crm import receivers  # noqa: F401 - connects them
