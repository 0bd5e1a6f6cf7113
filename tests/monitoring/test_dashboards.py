from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import units
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from monitoring.grafana import build, frame
from monitoring.metrics import WorkerMetrics
from tests import dashboards
from tests.dashboards import FILES, SELECTOR, metric_names, panels, queries

GRAFANA = Path(build.__file__).parent
EXTERNAL = {"ALERTS"}  # made by Prometheus itself
ALL = dashboards.dashboards()
PANELS = [
    pytest.param(board, panel, id=f"{board['uid']}/{panel['title']}")
    for board in ALL
    for panel in panels(board)
]
QUERIES = [pytest.param(board, query, id=query.where) for board in ALL for query in queries(board)]
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Name of every series a worker can expose -> its labels."""
    registry = CollectorRegistry()
    WorkerMetrics(registry, list)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    found: dict[str, set[str]] = {}
    for collector in list(registry._collector_to_names):
        for family in getattr(collector, "describe", collector.collect)():
            own = set(getattr(family, "_labelnames", None) or getattr(collector, "_labelnames", None) or ())
            endings = {"counter": ["_total"], "histogram": ["_bucket", "_sum", "_count"]}.get(
                family.type, [""]
            )
            for ending in endings:
                found[family.name + ending] = (
                    own | {"instance", "job"} | ({"le"} if "bucket" in ending else set())
                )
    return found


def test_committed_dashboards_are_what_the_code_gives():
    committed = {path.name: path.read_text() for path in FILES}
    assert committed == build.rendered(), "run `python -m monitoring.grafana.build`"


def test_building_writes_every_file_and_removes_what_no_code_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "DIRECTORY", tmp_path)
    (tmp_path / "gone.json").write_text("{}")
    build.main()
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == build.rendered()


@pytest.mark.parametrize("board", ALL, ids=lambda board: board["uid"])
def test_the_sdk_reads_a_dashboard_back_as_it_is(board):
    register_default_plugins()  # without them options and queries would be passed through unread
    read = models.Dashboard.from_json(board)
    assert not isinstance(next(p for p in read.panels if p.title == panels(board)[0]["title"]).options, dict)
    read.schema_version = board["schemaVersion"]
    assert build.render(read) == (build.DIRECTORY / f"{board['uid']}.json").read_text()


def test_uids_are_stable_and_unique():
    assert [board["uid"] for board in ALL] == ["ratecast-model", "ratecast-overview"]
    for board in ALL:
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        titles = [panel["title"] for panel in panels(board)]
        assert len(set(titles)) == len(titles)
        assert "ratecast" in board["tags"]
        assert board["refresh"] == "10s"


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_says_what_it_means_what_is_normal_and_in_which_unit(board, panel):
    assert re.search(r"\bNormal\b", panel["description"])
    assert len(panel["description"]) > 80
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    if panel["type"] == "heatmap":
        assert panel["options"]["yAxis"]["unit"] in UNITS
        assert [target["format"] for target in panel["targets"]] == ["heatmap"]
    assert panel["targets"]
    assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    for part in (panel, *panel["targets"]):
        assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("board", ALL, ids=lambda board: board["uid"])
def test_panels_stay_on_the_grid_and_off_each_other(board):
    boxes = [(panel["title"], panel["gridPos"]) for panel in board["panels"]]
    for title, box in boxes:
        assert box["x"] + box["w"] <= 24, title
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        apart_y = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart_x or apart_y, f"{one} and {other} overlap"
    assert sum(box["w"] * box["h"] for _, box in boxes) == 24 * max(box["y"] + box["h"] for _, box in boxes)


@pytest.mark.parametrize(("board", "query"), QUERIES)
def test_a_query_names_only_metrics_that_exist(board, query, labels):
    names = metric_names(query.expr)
    assert names
    assert names <= labels.keys() | EXTERNAL


@pytest.mark.parametrize(("board", "query"), QUERIES)
def test_a_query_filters_by_every_variable_its_metrics_have_a_label_for(board, query, labels):
    variables = {variable["name"] for variable in board["templating"]["list"]} - {"datasource"}
    selected = SELECTOR.findall(query.expr)
    assert selected
    for name, matchers in selected:
        for variable in variables & labels.get(name, {"instance", "pair"}):
            assert f'{variable}=~"${variable}' in matchers, name
    for name in re.findall(r"\$(\w+)", query.expr):
        assert name in variables | {"__rate_interval", "__range"}


@pytest.mark.parametrize(("board", "query"), QUERIES)
def test_windows_follow_the_graph(board, query):
    windows = set(re.findall(r"\[([^\]]+)\]", query.expr))
    drift_ratio_stat = "data_drift_requests_total" in query.expr and windows == {
        "5m"
    }  # as the gauge's window
    assert drift_ratio_stat or windows <= (
        {"$__range", "$__rate_interval"} if query.instant else {"$__rate_interval"}
    )


@pytest.mark.parametrize(("uid", "names"), [
    (frame.OVERVIEW_UID, ["datasource", "instance", "pair", "partition"]),
    (frame.MODEL_UID, ["datasource", "instance", "pair"]),
])  # fmt: skip
def test_variables_take_several_values_or_all(uid, names, labels):
    datasource, *choices = dashboards.load(uid)["templating"]["list"]
    assert [datasource["name"], *(choice["name"] for choice in choices)] == names
    assert datasource["query"] == "prometheus"
    for choice in choices:
        assert choice["multi"]
        assert choice["includeAll"]
        assert choice["allValue"] == ".*"
        metric, label = re.fullmatch(r"label_values\((\w+)(?:\{.*\})?, (\w+)\)", choice["query"]).groups()
        assert label == choice["name"]
        assert label in labels[metric]


def test_dashboards_link_to_each_other_and_to_the_runbooks():
    for board, other in ((frame.OVERVIEW_UID, frame.MODEL_UID), (frame.MODEL_UID, frame.OVERVIEW_UID)):
        links = {link["url"]: link for link in dashboards.load(board)["links"]}
        assert links.keys() == {f"/d/{other}", frame.RUNBOOKS_URL}
        assert links[f"/d/{other}"]["includeVars"]
        assert links[f"/d/{other}"]["keepTime"]


def test_thresholds_of_the_first_service_are_kept():
    steps = {
        panel["title"]: [(step["color"], step["value"]) for step in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]]
        for panel in panels(dashboards.load(frame.OVERVIEW_UID))
        if panel["type"] == "stat"
    }  # fmt: skip
    assert steps["Scoring latency, p95"] == [("green", None), ("yellow", 0.25), ("red", 0.5)]
    assert steps["Drift ratio"] == [("green", None), ("yellow", 0.15), ("red", 0.30)]


def test_provisioning_fits_the_dashboards_and_prometheus():
    datasource = (GRAFANA / "provisioning/datasources/prometheus.yml").read_text()
    assert re.search(rf"^    uid: {frame.DATASOURCE_UID}\b", datasource, re.MULTILINE)
    assert re.search(r"^    url: http://prometheus:9090$", datasource, re.MULTILINE)
    provider = (GRAFANA / "provisioning/dashboards/ratecast.yml").read_text()
    assert re.search(r"^      path: /var/lib/grafana/dashboards$", provider, re.MULTILINE)
    scraped = (GRAFANA.parent / "prometheus/prometheus.yml").read_text()
    interval = re.search(r"^  scrape_interval: (\w+)$", scraped, re.MULTILINE)[1]
    assert re.search(rf"^      timeInterval: {interval}$", datasource, re.MULTILINE)
