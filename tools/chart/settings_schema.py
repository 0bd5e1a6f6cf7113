"""The JSON Schema of the chart's maps of settings, so that Helm refuses a misspelt one before anything is installed."""

from __future__ import annotations

from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr

from ratecast.settings import Settings

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

# The chart has values of its own for these, or the image fixes them.
OF_THE_CHART = {
    "bootstrap_servers",
    "security_protocol",
    "sasl_mechanism",
    "sasl_username",
    "sasl_password_file",
    "ssl_password_file",
    "web_token_file",
    "postgres_dsn_file",
    "ssl_cafile",
    "ssl_certfile",
    "ssl_keyfile",
    "models_dir",
    "models_url",
    "models_url_file",
    "model_key",
    "model_key_file",
    "group_instance_id",
    "feed_source",
    "feed_address",
    "feed_pairs",
    "http_host",
    "http_port",
    "web_host",
    "web_port",
}
_JSON_TYPES: dict[Any, str] = {bool: "boolean", int: "integer", float: "number"}


def settings_schema() -> dict[str, Any]:
    """Returns the schema of a map of settings: every setting but secrets and those that the chart sets."""
    return {
        "type": "object",
        "description": "Settings by their names without RATECAST_, in lower case (docs/reference/settings.md).",
        "additionalProperties": False,
        "properties": {
            name: {**_json_type(field), "description": field.description}
            for name, field in sorted(Settings.model_fields.items())
            if name not in OF_THE_CHART and not is_secret(field)
        },
    }


def is_secret(field: FieldInfo) -> bool:
    """Returns whether a setting is a secret, which a chart's values must not contain."""
    return SecretStr in (field.annotation, *get_args(field.annotation))


def _json_type(field: FieldInfo) -> dict[str, Any]:
    (kind,) = _without_none(field.annotation)
    if get_origin(kind) is Literal:
        return {"enum": list(get_args(kind))}
    return {"type": _JSON_TYPES.get(kind, "string")}


def _without_none(annotation: Any) -> list[Any]:
    if get_origin(annotation) in (Union, UnionType):
        return [kind for kind in get_args(annotation) if kind is not NoneType]
    return [annotation]
