"""Write the reference: ``python -m tools.reference docs/reference``."""

from __future__ import annotations

import sys
from pathlib import Path

from tools.reference.pages import write

write(Path(sys.argv[1]))
