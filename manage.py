#!/usr/bin/env python
"""Django's commands. On embedded services a command attaches to a running copy, or starts them for its own time."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "leadhub.settings")
    from django.core.management import execute_from_command_line

    from leadhub.embedded import services_for

    with services_for(sys.argv[1:]):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
