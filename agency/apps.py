from django.apps import AppConfig


class AgencyConfig(AppConfig):
    name = "agency"
    verbose_name = "Агентство"

    def ready(self) -> None:
        from agency import receivers  # noqa: F401 - connects them
        from agency.packs.rule_templates import templates_of
        from routing import gallery

        gallery.offer(templates_of)
