"""A query of Grafana's PostgreSQL data source, for which the SDK has no builder."""

from __future__ import annotations

from typing import Any

from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models.common import DataSourceRef

# As `provisioning/datasources/postgres.yml` names it; the first is the plugin's name since Grafana 11.
POSTGRES = DataSourceRef(type_val="grafana-postgresql-datasource", uid="ratecast-postgres")


class SqlDataquery(Dataquery):
    """A target with a statement in SQL.

    Args:
        statement: the statement, with Grafana's macros and variables.
        form: ``time_series`` or ``table``.
        ref_id: the target's letter.
    """

    def __init__(self, statement: str, form: str, ref_id: str) -> None:
        self._statement = statement
        self._form = form
        self._ref_id = ref_id

    def to_json(self) -> dict[str, Any]:
        """Returns the target as Grafana's editor would store it."""
        return {
            "datasource": POSTGRES,
            "editorMode": "code",
            "format": self._form,
            "rawQuery": True,
            "rawSql": self._statement,
            "refId": self._ref_id,
        }


class SqlTarget(Builder[Dataquery]):
    """Builds a target.

    Args:
        statement: the statement; its indentation and line ends become single blanks.
        form: ``time_series`` or ``table``.
        ref_id: the target's letter.
    """

    def __init__(self, statement: str, form: str = "table", ref_id: str = "A") -> None:
        self._query = SqlDataquery(" ".join(statement.split()), form, ref_id)

    def build(self) -> Dataquery:
        """Returns the target."""
        return self._query
