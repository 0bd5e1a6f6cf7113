"""The page of settings, from `ratecast.settings`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, get_args, get_origin

from ratecast.feed_settings import FeedSettings
from ratecast.settings import ENV_PREFIX, Settings
from ratecast.web_settings import WebSettings
from tools.reference.markdown import code, sentences, table

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_HEAD = """# Settings

Every setting is an environment variable. An option of a command overrides it.

A `RATECAST_*` variable that is misspelt or empty stops every command with exit code 2, and the message suggests the nearest
name. Variables that Kubernetes sets for a Service named `ratecast...` are ignored. Names count in any case. A variable without a
default is unset."""


def settings_page() -> str:
    """Return a table of every setting with its default and its meaning."""
    rows = [
        (code(f"{ENV_PREFIX}{name.upper()}"), code(default_text(field)), _meaning(field))
        # Those of one program stand after those of all.
        for name, field in sorted(
            Settings.model_fields.items(),
            key=lambda item: (item[0] in FeedSettings.model_fields, item[0] in WebSettings.model_fields),
        )
    ]
    return f"{_HEAD}\n\n{table(('variable', 'default', 'meaning'), rows)}\n"


def default_text(field: FieldInfo) -> str:
    """Return a default as the environment would spell it; empty for none."""
    if field.default is None:
        return ""
    return json.dumps(field.default) if isinstance(field.default, bool) else str(field.default)


def _meaning(field: FieldInfo) -> str:
    choices = get_args(field.annotation) if get_origin(field.annotation) is Literal else ()
    one_of = f"One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else None
    return sentences(field.description, one_of)
