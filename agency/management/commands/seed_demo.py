import json
import logging
from dataclasses import asdict
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from agency.demo import businesses, seeding
from leadhub import clock
from leadhub.embedded.supervisor import table


class Command(BaseCommand):
    help = "Fill an installation with four invented businesses and six weeks of their past. Refused in production."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--if-empty", action="store_true", help="do nothing where any business exists")
        parser.add_argument("--print-logins", action="store_true", help="print who may enter, and do nothing else")
        parser.add_argument("--json", action="store_true", help="the logins as JSON")
        parser.add_argument("--connect", action="store_true", help="only tell the stand-ins where the bots live")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["print_logins"]:
            self._print_logins(as_json=options["json"])
        elif options["connect"]:
            businesses.connect_all()
        else:
            self._seed(if_empty=options["if_empty"])

    def _seed(self, *, if_empty: bool) -> None:
        from tenants.models import Tenant

        if if_empty and Tenant.objects.exists():
            return
        logging.disable(logging.INFO)  # what is printed here is read by people
        try:
            is_new = seeding.seed(now=clock.now(), say=self.stdout.write)
        except seeding.NotForProduction as error:
            raise CommandError(str(error)) from None
        finally:
            logging.disable(logging.NOTSET)
        if not is_new:
            self.stdout.write("Демонстрационные бизнесы уже есть.")

    def _print_logins(self, *, as_json: bool) -> None:
        logins = businesses.logins()
        if as_json:
            self.stdout.write(json.dumps([asdict(login) for login in logins], ensure_ascii=False))
            return
        rows = [(login.name, settings.PUBLIC_URL + login.path, login.email, login.password) for login in logins]
        self.stdout.write(table(("Бизнес", "Адрес", "Почта", "Пароль"), rows))
