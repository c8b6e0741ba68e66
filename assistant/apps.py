from typing import Any

from django.apps import AppConfig


class AssistantConfig(AppConfig):
    name = "assistant"
    verbose_name = "Ассистент"

    def ready(self) -> None:
        from leadhub.warming import warm_up

        warm_up.connect(_load_language, dispatch_uid="assistant.language")


def _load_language(sender: Any, **kwargs: Any) -> None:
    from assistant.understand import warm_up

    warm_up()
