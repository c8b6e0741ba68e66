"""The Celery application. Workers load it as `celery -A leadhub`."""

import os

from celery import Celery
from celery.signals import setup_logging, worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leadhub.settings")

app = Celery("leadhub")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["leadhub.work"])


@setup_logging.connect
def use_our_logging(**_: object) -> None:
    """Workers log by Django's settings, so that the filter for personal data holds there too."""
    from logging.config import dictConfig

    from django.conf import settings

    dictConfig(settings.LOGGING)


@worker_init.connect
def warm(**_: object) -> None:
    """Before the worker forks, so that its processes share what was loaded; no connection may go over the fork."""
    from django.db import connections

    from leadhub import warming

    warming.warm_up.send(None)
    warming.keep_for_good()
    connections.close_all()
    # Asking the database before each task whether it is there would cost more than noticing that it is not:
    # `leadhub.work.running` begins again then.
    connections.settings["default"]["CONN_HEALTH_CHECKS"] = "pool" in connections.settings["default"]["OPTIONS"]
