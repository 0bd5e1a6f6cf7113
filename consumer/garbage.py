"""Makes Python's garbage collector run rarely while a worker works.

The collector searches for objects that refer to each other in a circle. All others are freed without it, at once.
Records and predictions form no circles, but every 700 new objects start a search, and now and then one through all of
the program's objects. Searching took a fifth of a worker's processor time.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

# New objects after which the youngest are searched. A batch of 1,000 records makes about 10,000.
_YOUNG = 50_000


@contextmanager
def rare_collections(*, whole_process: bool) -> Iterator[None]:
    """Search only objects made inside the block, and seldom.

    Args:
        whole_process: False changes nothing. The collector is the process's, and the worker may be a part of another
            program.
    """
    if not whole_process:
        yield
        return
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()  # modules and the model stay for as long as the worker does
    gc.set_threshold(_YOUNG, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
