"""`python -m leadhub.embedded demo` (with stand-ins of the outside and demo businesses) or `run` (without)."""

import argparse
import sys

from leadhub.embedded.supervisor import Supervisor


def main() -> int:
    parser = argparse.ArgumentParser(prog="leadhub.embedded", description=__doc__)
    parser.add_argument("mode", choices=["demo", "run"])
    parser.add_argument("--with-parent", action="store_true", help="stop when the process that started this one ends")
    options = parser.parse_args()
    return Supervisor(demo=options.mode == "demo").run(with_parent=options.with_parent)


if __name__ == "__main__":
    sys.exit(main())
