import signal
import threading
from typing import Any

from django.core.management.base import BaseCommand

from leadhub.work import dispatch


class Command(BaseCommand):
    help = "Send due work to the workers until stopped (SIGTERM, Ctrl-C)."

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: stop.set())
        dispatch.run_forever(stop)
