"""ASGI entry of the event server, the one thing that is not served by WSGI."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leadhub.settings_events")
application = get_asgi_application()
