from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand

from tenants import provisioning


class Command(BaseCommand):
    help = "Bring the public tables, the tenants' template and every tenant that is behind up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("migrate_schemas", schema_name="public", interactive=False, verbosity=0)
        provisioning.migrate_schema(settings.TENANT_TEMPLATE_SCHEMA)
        provisioning.template_sql()
        behind = provisioning.tenants_behind()
        for number, schema in enumerate(behind, 1):
            self.stdout.write(f"{number}/{len(behind)} {schema}")
            provisioning.migrate_schema(schema)
        self.stdout.write(self.style.SUCCESS("Схемы базы данных готовы."))
