"""``python -m ratecast``: the command line, for programs that start others with their own interpreter."""

from ratecast.cli.main import main

if __name__ == "__main__":
    main()
