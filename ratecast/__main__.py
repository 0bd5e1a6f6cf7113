"""``python -m ratecast``: hands over to the command line, which stands on a floor above this package."""

import runpy

if __name__ == "__main__":
    runpy.run_module("ratecast_cli", run_name="__main__", alter_sys=True)
