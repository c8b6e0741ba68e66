import sys
from typing import Any

from django.core.management.base import BaseCommand

from leadhub.embedded.supervisor import Supervisor


class Command(BaseCommand):
    help = "Start every part of Leadhub in the foreground until Ctrl-C."
    requires_system_checks: list[str] = []
    demo = False

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(Supervisor(demo=self.demo).run())
