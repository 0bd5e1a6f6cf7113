from __future__ import annotations

import itertools
import math
import re
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import units
from prometheus_client import CollectorRegistry
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from monitoring.grafana import build, frame, runbooks
from monitoring.metrics import WorkerMetrics
from monitoring.windows import accuracy
from tests import dashboards
from tests.dashboards import FILES, SELECTOR, metric_names, panels, queries, steps

GRAFANA = Path(build.__file__).parent
ROOT = GRAFANA.parent.parent
RULES = GRAFANA.parent / "prometheus/rules"
EXTERNAL = {"ALERTS"}  # made by Prometheus itself
# What the panels use of `recording.yml`, and its labels.
RECORDED = {
    "ratecast:consumer_lag_records:max": {"topic", "partition"},
    "ratecast:consumer_lag_seconds:max_30s": {"job", "instance", "topic", "partition"},
    "ratecast:input_partition:known": {"topic", "partition"},
    "ratecast:data_drift:ratio_25h": set(),
    "ratecast:messages_due:sum": set(),
    "ratecast:dead_letters:ratio_15m": {"code"},
    "ratecast:transactions_aborted:ratio_2m": {"job", "instance"},
    "ratecast:records_lost_to_retention:increase_1h": {"job", "instance"},
    "ratecast:scoring_errors:increase_15m": {"job", "instance"},
    "ratecast:interval_coverage:standard_errors": {"job", "instance", "pair", "level"},
    "ratecast:model_age_seconds": set(),
    "ratecast:budget:interval_coverage_standard_errors": set(),
    "ratecast:budget:forecast_error_ratio": set(),
}
# Shown whatever is chosen: they are of all workers together, or of none.
OF_THE_FLEET = {
    "ratecast-overview / Predictions flowing / A",
    "ratecast-overview / Dead-letter ratio by code / A",
    "ratecast-overview / Drift ratio over time / C",
    "ratecast-model / Time since the last training day / A",
}
# Windows that do not follow the graph: those of the gauge, or of the alert, that the panel repeats.
WINDOWS = {
    "ratecast-overview / Drift ratio / A": {"5m"},
    "ratecast-overview / Predictions flowing / A": {"2m"},
}
# Panel -> colour -> the budget that it begins at. Every panel is in one of the three: a new one must decide.
BUDGETED = {
    "Scoring p95": {"red": "inference_latency_seconds"},
    "Scoring latency": {"red": "inference_latency_seconds"},
    "End-to-end p95": {"red": "message_latency_seconds"},
    "End-to-end latency": {"red": "message_latency_seconds"},
    "Drift ratio": {"red": "data_drift_ratio"},
    "Drift ratio over time": {"red": "data_drift_ratio"},
    "Drift ratio by pair": {"red": "data_drift_ratio"},
    "Record lag": {"yellow": "consumer_lag_records"},
    "Record lag by partition": {"yellow": "consumer_lag_records"},
    "Time lag": {"yellow": "consumer_lag_seconds warning", "red": "consumer_lag_seconds critical"},
    "Time lag by partition": {
        "yellow": "consumer_lag_seconds warning",
        "red": "consumer_lag_seconds critical",
    },
    "Dead-letter ratio by code": {"red": "dead_letters_ratio"},
    "Aborted transaction ratio by worker": {"red": "transactions_aborted_ratio"},
    "Worst error ratio": {"red": "forecast_error_ratio"},
    "Error ratio to the last rate": {"red": "forecast_error_ratio"},
    "Coverage off target": {"red": "interval_coverage_standard_errors"},
    "Coverage of the 80 % range": {"green": "interval_coverage_ratio 80"},
    "Coverage of the 95 % range": {"green": "interval_coverage_ratio 95"},
    "Pairs over their drift threshold": {"red": "feature_drift_pairs_ratio"},
    "Oldest rate": {"yellow": "rate_age_seconds"},
    "Rate age by pair": {"yellow": "rate_age_seconds"},
    "Time since the last training day": {"red": "model_age_seconds"},
}
# Colours that no budget gives: one too many or too few, a word, a share of another threshold, where data begins.
COLOURED_BY_MEANING = {
    "Predictions flowing", "Pairs with poor forecasts", "Alerts firing", "Workers", "Partitions without owner", "Dead letters",
    "Scoring errors by worker", "Records held back by partition", "Blocked partitions by worker",
    "Records lost to retention", "Workers rejected by the group",
    "CPU by worker", "Model versions in use", "Data-quality alerts", "Data-quality alerts by pair and code",
    "Messages in the accuracy window", "Messages in the drift window",
    "Drift by KS over threshold", "Drift by PSI over threshold", "Drift score over threshold",
}  # fmt: skip
# Counts and rates of which no number is bad in itself, distributions, and lists.
WITHOUT_THRESHOLDS = {
    "Prediction rate", "Predictions", "Drifted messages", "Active alerts",
    "Outcomes per second", "Outcomes in the time range", "Dead letters by code", "Records consumed by partition", "Transactions by outcome",
    "Batch size", "Scoring latency distribution", "End-to-end latency distribution",
    "Assigned partitions by worker", "Rebalances by worker", "HTTP requests", "Memory by worker",
    "Models in use", "Changes of accuracy", "Messages excluded from accuracy",
    "Data-quality alerts by code", "Data-quality alerts by pair", "Model reloads", "Time since the model was loaded",
}  # fmt: skip
ALL = dashboards.dashboards()
PANELS = [
    pytest.param(board, panel, id=f"{board['uid']}/{panel['title']}")
    for board in ALL
    for panel in panels(board)
]
QUERIES = [pytest.param(board, query, id=query.where) for board in ALL for query in queries(board)]
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}


def panel_of(title):
    """The one panel of this title."""
    (panel,) = [panel for board in ALL for panel in panels(board) if panel["title"] == title]
    return panel


def expressions(title):
    return [target["expr"] for target in panel_of(title)["targets"]]


def alert_rules() -> str:
    """Returns the text of all files of alerts."""
    return "".join(path.read_text() for path in RULES.glob("alerts-*.yml"))


def budgets() -> dict[str, float]:
    """Name of every budget of `recording.yml`, with its severity or level if it has one -> value."""
    (group,) = [
        group
        for group in yaml.safe_load((RULES / "recording.yml").read_text())["groups"]
        if group["name"] == "ratecast-budgets"
    ]
    return {
        " ".join(
            [rule["record"].removeprefix("ratecast:budget:"), *rule.get("labels", {}).values()]
        ): math.prod(float(factor) for factor in str(rule["expr"]).split("*"))
        for rule in group["rules"]
    }


@pytest.fixture(scope="module")
def labels() -> dict[str, set[str]]:
    """Name of every series that a worker can expose or a rule used here records -> its labels."""
    registry = CollectorRegistry()
    WorkerMetrics(registry, list)
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    found: dict[str, set[str]] = dict(RECORDED)
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


def test_committed_dashboards_and_their_reference_page_are_what_the_code_gives():
    committed = {path: path.read_text() for path in (*FILES, build.PANEL_PAGE)}
    assert committed == build.rendered(), "run `python -m monitoring.grafana.build`"


def test_building_writes_every_file_and_removes_what_no_code_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "DIRECTORY", tmp_path)
    monkeypatch.setattr(build, "PANEL_PAGE", tmp_path / "dashboards.md")
    (tmp_path / "gone.json").write_text("{}")
    build.main()
    assert {path: path.read_text() for path in tmp_path.iterdir()} == build.rendered()


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
def test_a_panel_says_what_it_shows_what_is_normal_what_to_do_otherwise_and_in_which_unit(board, panel):
    shows, normal, otherwise = panel["description"].split("\n\n")
    assert len(shows) > 20
    assert normal.startswith("**Normal:** ")
    assert otherwise.startswith("**Otherwise:** ")
    assert len(otherwise) > 40
    assert all(part.endswith(".") for part in (shows, normal, otherwise))
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


def test_the_rules_record_what_the_panels_use():
    recorded = re.findall(r"(?m)^\s+- record: (\S+)$", (RULES / "recording.yml").read_text())
    assert RECORDED.keys() <= set(recorded)
    used = set().union(*(metric_names(query.expr) for board in ALL for query in queries(board)))
    assert {name for name in used if ":" in name} == RECORDED.keys()


@pytest.mark.parametrize(("board", "query"), QUERIES)
def test_a_query_filters_by_every_variable_its_metrics_have_a_label_for(board, query, labels):
    variables = {variable["name"] for variable in board["templating"]["list"]} - {"datasource"}
    assert query.selective == (query.where not in OF_THE_FLEET)
    for name, matchers in SELECTOR.findall(query.expr):
        for variable in variables & labels.get(name, {"instance", "pair"}):
            assert f'{variable}=~"${variable}' in matchers, name
    for name in re.findall(r"\$(\w+)", query.expr):
        assert name in variables | {"__rate_interval", "__range"}


@pytest.mark.parametrize(("board", "query"), QUERIES)
def test_windows_follow_the_graph(board, query):
    windows = set(re.findall(r"\[([^\]]+)\]", query.expr))
    if query.where in WINDOWS:
        assert windows == WINDOWS[query.where]
    else:
        assert windows <= ({"$__range", "$__rate_interval"} if query.instant else {"$__rate_interval"})


def test_lag_is_what_the_brokers_say_of_partitions_that_no_worker_owns():
    selected = 'ratecast:consumer_lag_records:max{partition=~"$partition"}'
    assert expressions("Record lag") == [f"sum({selected})"]
    assert expressions("Record lag by partition") == [selected]


def test_a_single_number_is_of_now_and_not_the_last_one_of_a_worker_that_is_gone():
    tiles = [panel for board in ALL for panel in panels(board) if panel["type"] == "stat"]
    assert len(tiles) > 10
    assert all(target["instant"] and not target.get("range") for tile in tiles for target in tile["targets"])


def test_only_the_test_that_is_judged_counts_as_drift():
    (expr,) = expressions("Pairs over their drift threshold")
    selected = SELECTOR.findall(expr)
    assert [name for name, _ in selected] == [
        "feature_drift_score",
        "feature_drift_threshold",
        "feature_drift_score",
    ]
    assert all('test="ks"' in matchers for _, matchers in selected)


def test_the_first_line_says_whether_predictions_flow_how_late_how_far_behind_and_whether_the_model_fits():
    first, *_ = tiles = panels(dashboards.load(frame.OVERVIEW_UID))
    line = [tile["title"] for tile in tiles if tile["gridPos"]["y"] == first["gridPos"]["y"]]
    assert line == [
        "Predictions flowing", "Prediction rate", "End-to-end p95", "Scoring p95",
        "Record lag", "Time lag", "Drift ratio", "Pairs with poor forecasts",
    ]  # fmt: skip
    (mapping,) = first["fieldConfig"]["defaults"]["mappings"]
    assert {value: shown["text"] for value, shown in mapping["options"].items()} == {
        "0": "nothing due",
        "1": "yes",
        "2": "STALLED",
    }
    assert steps(first) == [("blue", None), ("green", 1), ("red", 2)]


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
        metric, label = re.fullmatch(r"label_values\(([\w:]+)(?:\{.*\})?, (\w+)\)", choice["query"]).groups()
        assert label == choice["name"]
        assert label in labels[metric]


def test_dashboards_link_to_each_other_and_to_the_runbooks():
    for board, other in ((frame.OVERVIEW_UID, frame.MODEL_UID), (frame.MODEL_UID, frame.OVERVIEW_UID)):
        links = {link["url"]: link for link in dashboards.load(board)["links"]}
        assert links.keys() == {f"/d/{other}", runbooks.INDEX_URL}
        assert links[f"/d/{other}"]["includeVars"]
        assert links[f"/d/{other}"]["keepTime"]


@pytest.mark.parametrize(("board", "panel"), PANELS)
def test_a_panel_leads_to_the_runbooks_of_its_alerts(board, panel):
    links = {link["url"]: link for link in panel.get("links", [])}
    assert list(links) == [runbooks.url(alert) for alert in runbooks.ALERTS.get(panel["title"], ())]
    for link in links.values():
        assert link["targetBlank"]
        assert "placement" not in link


def test_every_alert_is_led_to_from_a_panel_that_exists():
    titles = {panel["title"] for board in ALL for panel in panels(board)}
    assert runbooks.ALERTS.keys() <= titles
    alerts = re.findall(r"(?m)^\s+- alert: (\w+)$", alert_rules())
    linked = set(itertools.chain(*runbooks.ALERTS.values()))
    assert linked == set(alerts)
    assert all((ROOT / f"docs/runbooks/{alert}.md").is_file() for alert in linked)
    mount = f"./docs/runbooks:/usr/share/grafana{runbooks.DIRECTORY_URL}:ro"
    assert (
        mount in yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["grafana"]["volumes"]
    )


def test_the_name_of_an_active_alert_leads_to_its_runbook():
    table = panel_of("Active alerts")
    changed = {
        override["matcher"]["options"]: {change["id"]: change["value"] for change in override["properties"]}
        for override in table["fieldConfig"]["overrides"]
    }
    (link,) = changed["alertname"]["links"]
    assert link["url"] == "/public/runbooks/${__value.text}.md"
    assert link["targetBlank"]
    (mapping,) = changed["severity"]["mappings"]
    severities = re.findall(r"severity: (\w+)", alert_rules())
    assert mapping["options"].keys() == set(severities)


def test_thresholds_of_the_first_service_are_kept():
    assert steps(panel_of("Scoring p95")) == [("green", None), ("yellow", 0.25), ("red", 0.5)]
    assert steps(panel_of("Drift ratio")) == [("green", None), ("yellow", 0.15), ("red", 0.30)]


@pytest.mark.parametrize(("title", "colours"), BUDGETED.items(), ids=BUDGETED)
def test_a_colour_begins_at_the_budget_of_its_alert(title, colours):
    known = budgets()
    begins = dict(steps(panel_of(title)))
    assert {color: begins[color] for color in colours} == {
        color: pytest.approx(known[budget]) for color, budget in colours.items()
    }


@pytest.mark.parametrize("level", ["80", "95"])
def test_coverage_is_red_where_a_full_window_is_due_for_an_alert(level):
    known = budgets()
    target = known[f"interval_coverage_ratio {level}"]
    error = math.sqrt(target * (1 - target) / accuracy.WINDOW_MESSAGES)
    off = known["interval_coverage_standard_errors"] * error
    red = [value for color, value in steps(panel_of(f"Coverage of the {level} % range")) if color == "red"]
    assert red == pytest.approx([target - off, target + off], abs=1e-4)


def test_every_panel_has_thresholds_or_is_known_to_need_none():
    by_title = {panel["title"]: steps(panel) for board in ALL for panel in panels(board)}
    assert {title for title, found in by_title.items() if not found} == WITHOUT_THRESHOLDS
    assert {title for title, found in by_title.items() if found} == BUDGETED.keys() | COLOURED_BY_MEANING
    assert not BUDGETED.keys() & COLOURED_BY_MEANING


def test_provisioning_fits_the_dashboards_and_prometheus():
    datasource = (GRAFANA / "provisioning/datasources/prometheus.yml").read_text()
    assert re.search(rf"^    uid: {frame.DATASOURCE_UID}\b", datasource, re.MULTILINE)
    assert re.search(r"^    url: http://prometheus:9090$", datasource, re.MULTILINE)
    provider = (GRAFANA / "provisioning/dashboards/ratecast.yml").read_text()
    assert re.search(r"^      path: /var/lib/grafana/dashboards$", provider, re.MULTILINE)
    scraped = (GRAFANA.parent / "prometheus/prometheus.yml").read_text()
    interval = re.search(r"^  scrape_interval: (\w+)$", scraped, re.MULTILINE)[1]
    assert re.search(rf"^      timeInterval: {interval}$", datasource, re.MULTILINE)
