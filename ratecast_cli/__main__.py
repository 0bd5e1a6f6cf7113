"""``python -m ratecast_cli``: the command line under this interpreter."""

from ratecast_cli.main import main

if __name__ == "__main__":
    main()
