from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandParser
from django.db import connection


class Command(BaseCommand):
    help = "Bring the database up to date before the parts start; with --demo, fill an empty one with demo businesses."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--demo", action="store_true")
        parser.add_argument("--logins", help="file for the demo's logins (JSON)")

    def handle(self, *args: Any, demo: bool, logins: str | None, **options: Any) -> None:
        call_command("migrate_all", stdout=self.stdout)
        with connection.cursor() as cursor:
            # Parts that a former run saw alive are not alive until they say so again.
            cursor.execute("DELETE FROM public.heartbeat")
        if demo:
            call_command("seed_demo", stdout=self.stdout)
            call_command("seed_demo", connect=True)
            if logins:
                with open(logins, "w") as file:
                    call_command("seed_demo", print_logins=True, json=True, stdout=file)
