"""The start of ``ratecast``: check that Python finds our packages, then run the command."""

from __future__ import annotations

import sys

from ratecast_stack.shadowing import shadowing_module


def main() -> None:
    """Run the command line, or exit with code 2 if another module hides one of our packages."""
    if hidden := shadowing_module():
        sys.stderr.write(f"error: {hidden}\n")
        sys.exit(2)
    from ratecast_cli.app import run  # imports our packages, so it comes after the check

    run()
