"""``python -m ratecast`` runs the command line. It is a separate package, because it imports this one."""

import runpy

if __name__ == "__main__":
    runpy.run_module("ratecast_cli", run_name="__main__", alter_sys=True)
