from django.apps import AppConfig


class ChannelsConfig(AppConfig):
    name = "channels_app"
    verbose_name = "Каналы"

    def ready(self) -> None:
        from channels_app import receivers  # noqa: F401 - connects them
