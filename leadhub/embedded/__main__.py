"""`python -m leadhub.embedded demo` (with stand-ins of the outside and demo businesses) or `run` (without)."""

import argparse
import sys

from leadhub.embedded.supervisor import Supervisor


def main() -> int:
    parser = argparse.ArgumentParser(prog="leadhub.embedded", description=__doc__)
    parser.add_argument("mode", choices=["demo", "run"])
    return Supervisor(demo=parser.parse_args().mode == "demo").run()


if __name__ == "__main__":
    sys.exit(main())
