"""``python -m ratecast_stack.native``: check that Python finds our packages, then run the command."""

import sys

from ratecast_stack.shadowing import shadowing_module

if __name__ == "__main__":
    if hidden := shadowing_module():
        sys.stderr.write(f"error: {hidden}\n")
        sys.exit(2)
    from ratecast_stack.native.command import main  # imports our packages, so it comes after the check

    sys.exit(main())
