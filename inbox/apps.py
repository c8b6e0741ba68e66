from django.apps import AppConfig


class InboxConfig(AppConfig):
    name = "inbox"
    verbose_name = "Заявки"

    def ready(self) -> None:
        from inbox import receivers  # noqa: F401 - connects them
