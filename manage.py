#!/usr/bin/env python
"""Django's commands. On embedded services a command attaches to a running copy, or starts them for its own time."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leadhub.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    from leadhub.embedded import services_for

    try:
        with services_for(sys.argv[1:]):
            execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Configuration error: {error}")


if __name__ == "__main__":
    main()
