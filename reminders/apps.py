from django.apps import AppConfig


class RemindersConfig(AppConfig):
    name = "reminders"
    verbose_name = "Напоминания"

    def ready(self) -> None:
        from reminders import receivers  # noqa: F401 - connects them
