"""``python -m ratecast`` runs the command line, which is in the package ``ratecast_cli``."""

import runpy

if __name__ == "__main__":
    runpy.run_module("ratecast_cli", run_name="__main__", alter_sys=True)
