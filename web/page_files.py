"""The files of the page and of the documentation of the HTTP interface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.types import Scope

STATIC = Path(__file__).parent / "static"
REFERENCE = Path(__file__).parent / "openapi_page"


class PageFiles(StaticFiles):
    """Files that a browser asks for again each time, and gets only if they changed (ETag).

    The files of one version belong together, so a browser must not mix them with those of another version.
    """

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return a file, or 304 if the browser has it."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = "no-cache"
        return response


def file_paths(directory: Path, prefix: str) -> frozenset[str]:
    """Return the paths at which the files of a directory are served."""
    return frozenset(
        f"{prefix}/{path.relative_to(directory).as_posix()}"
        for path in directory.rglob("*")
        if path.is_file()
    )
