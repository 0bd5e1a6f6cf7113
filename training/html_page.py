"""Renders an HTML page from a Jinja template; ``base.html.j2`` holds the style that all pages share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

_SHARED = Path(__file__).parent


def render_page(template: Path, **values: Any) -> str:
    """Returns the page that a template makes from some values.

    Values are escaped. A name that the template uses and ``values`` lacks raises `jinja2.UndefinedError`.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, _SHARED]),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template.name).render(**values)
