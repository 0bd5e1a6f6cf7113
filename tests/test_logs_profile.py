"""The compose profile `logs` and its dashboard: files that fit together, checked without a Docker engine."""

from __future__ import annotations

import itertools
import json
import re
from typing import Any

import pytest
import yaml

from monitoring.grafana import build, logs_dashboard
from ratecast.log_fields import FIELDS
from ratecast_cli.logs import JsonFormatter
from tests.monitoring.test_dashboards import UNITS
from tests.ratecast_cli.test_logs import record
from tests.test_compose import CONTAINERS, ROOT, SERVICES, STACK

COLLECTOR: dict[str, Any] = yaml.safe_load((ROOT / "monitoring/logs/fluent-bit.yaml").read_text())
LOKI: dict[str, Any] = yaml.safe_load((ROOT / "monitoring/logs/loki.yaml").read_text())
BOARD: dict[str, Any] = json.loads((build.DIRECTORY / "logs" / f"{logs_dashboard.UID}.json").read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
(INPUT,), (OUTPUT,) = COLLECTOR["pipeline"]["inputs"], COLLECTOR["pipeline"]["outputs"]


def test_it_is_a_profile_that_nothing_else_waits_for():
    assert SERVICES["loki"]["profiles"] == SERVICES["log-collector"]["profiles"] == ["logs"]
    for name, service in SERVICES.items():
        if "profiles" not in service:
            assert not {"loki", "log-collector"} & set(service.get("depends_on", {})), name


def test_only_the_collector_and_grafana_reach_the_logs():
    assert STACK["networks"]["logs"]["internal"]
    reach = {name for name, service in SERVICES.items() if "logs" in service["networks"]}
    assert reach == {"loki", "log-collector", "grafana"}


def test_the_collector_reads_files_and_never_dockers_socket():
    assert "docker.sock" not in json.dumps(STACK)
    mounts = SERVICES["log-collector"]["volumes"]
    assert f"{CONTAINERS}:/var/lib/docker/containers:ro" in mounts
    assert INPUT["path"].startswith("/var/lib/docker/containers/")
    positions = next(mount for mount in mounts if mount.startswith("log-positions:"))
    assert INPUT["db"].startswith(positions.partition(":")[2])


def test_the_configuration_of_each_is_mounted_where_it_is_read():
    for name in ("loki", "log-collector"):
        assert "./monitoring/logs:/etc/ratecast:ro" in SERVICES[name]["volumes"]
        (path,) = re.findall(r"/etc/ratecast/([\w.-]+)", " ".join(SERVICES[name]["command"]))
        assert (ROOT / "monitoring/logs" / path).is_file()


def test_lines_wait_for_a_loki_that_is_away():
    assert OUTPUT["retry_limit"] == "no_limits"
    assert INPUT["mem_buf_limit"]
    assert INPUT["skip_long_lines"] is True  # otherwise one long line ends the reading of its file


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_every_line_says_which_service_wrote_it(name):
    label = SERVICES[name]["logging"]["options"]["labels"]
    accessor = f"$attrs['{label}']"
    assert f"service={accessor}" in OUTPUT["labels"]
    assert [each["regex"] for each in COLLECTOR["pipeline"]["filters"]] == [f"{accessor} .+"]


def test_the_collector_sends_to_the_loki_that_grafana_reads():
    port = LOKI["server"]["http_listen_port"]
    assert (OUTPUT["host"], OUTPUT["port"]) == ("loki", port)
    source_file = ROOT / "monitoring/grafana/provisioning/datasources/loki.yml"
    (source,) = yaml.safe_load(source_file.read_text())["datasources"]
    assert source["url"] == f"http://loki:{port}"
    assert (source["type"], source["uid"]) == (logs_dashboard.LOKI.type_val, logs_dashboard.LOKI.uid)


def test_the_collector_uses_the_parser_that_it_defines():
    assert INPUT["parser"] in {parser["name"] for parser in COLLECTOR["parsers"]}
    tags = {each["match"] for part in ("filters", "outputs") for each in COLLECTOR["pipeline"][part]}
    assert tags == {INPUT["tag"]}


def test_loki_forgets_reports_nobody_and_keeps_its_files_on_the_volume():
    assert "-config.expand-env=true" in SERVICES["loki"]["command"]
    assert LOKI["limits_config"]["retention_period"] == SERVICES["loki"]["environment"]["LOKI_RETENTION"]
    assert LOKI["compactor"]["retention_enabled"] is True
    assert LOKI["analytics"]["reporting_enabled"] is False
    volume = next(mount for mount in SERVICES["loki"]["volumes"] if mount.startswith("loki-data:"))
    assert volume.partition(":")[2] == LOKI["common"]["path_prefix"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_panels_say_what_they_show_and_read_loki(panel):
    shows, normal, otherwise = panel["description"].split("\n\n")
    assert shows
    assert normal.startswith("**Normal:** ")
    assert otherwise.startswith("**Otherwise:** ")
    assert panel["fieldConfig"]["defaults"].get("unit", "short") in UNITS
    for part in (panel, *panel["targets"]):
        assert part["datasource"] == {"type": "loki", "uid": logs_dashboard.LOKI.uid}


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: panel["title"])
def test_queries_use_labels_that_the_collector_sets_and_fields_that_lines_have(panel):
    (target,) = panel["targets"]
    selector = re.search(r"\{([^}]*)\}", target["expr"]).group(1)
    labels = dict(pair.split("=", 1) for pair in OUTPUT["labels"].split(", "))
    assert set(re.findall(r"(\w+)=~?\"", selector)) == set(labels)
    made = record("consumer.worker", 1, 0.0)
    vars(made).update(dict.fromkeys(FIELDS, 1))
    known = set(json.loads(JsonFormatter().format(made)))
    used = re.findall(r"\| (\w+)=~?\"", target["expr"]) + re.findall(
        r"\{\{\.?(\w+)\}\}", target["legendFormat"]
    )
    used += [name for by in re.findall(r"sum by \(([^)]*)\)", target["expr"]) for name in by.split(", ")]
    assert set(used) - {"__error__"} <= known


def test_panels_fill_the_grid_and_do_not_overlap():
    boxes = [panel["gridPos"] for panel in BOARD["panels"]]
    for a, b in itertools.combinations(boxes, 2):
        apart_x = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        apart_y = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert apart_x or apart_y
    assert sum(box["w"] * box["h"] for box in boxes) == 24 * max(box["y"] + box["h"] for box in boxes)
