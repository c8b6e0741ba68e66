from django.apps import AppConfig


class RoutingConfig(AppConfig):
    name = "routing"
    verbose_name = "Заявки"

    def ready(self) -> None:
        from routing import receivers  # noqa: F401 - connects them
