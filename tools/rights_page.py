"""Writes the table of access rights into a page: ``python -m tools.rights_page docs/security.md``."""

from __future__ import annotations

import sys
from pathlib import Path

from ratecast.kafka.rights import NEEDED, Resource
from tools.reference.markdown import code, table

BEGIN = "<!-- Generated from ratecast/kafka/rights.py by `python -m tools.rights_page docs/security.md`. Do not edit. -->"
END = "<!-- End of the generated part. -->"


def rights_table() -> str:
    """Return the table: a row for each command, a column for each resource."""
    rows = []
    for command, rights in NEEDED.items():
        cells = [
            ", ".join(right.operation for right in rights if right.resource is resource)
            for resource in Resource
        ]
        rows.append((code(f"ratecast {command}"), *cells))
    return table(("command", *Resource), rows)


def with_table(page: str) -> str:
    """Return a page in which the present table stands between the two marks."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{rights_table()}\n\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_table(path.read_text(encoding="utf-8")), encoding="utf-8")
