"""The dashboards: generated files, texts, layout, links and provisioning."""

from __future__ import annotations

import itertools
import re
import shutil
from pathlib import Path

import pytest
import yaml
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import units

from monitoring.grafana import build, frame, runbooks
from tests import dashboards
from tests.dashboards import panel_of, panels

GRAFANA = Path(build.__file__).parent
ROOT = GRAFANA.parent.parent
RULES = GRAFANA.parent / "prometheus/rules"
ALL = dashboards.dashboards()
PANELS = [
    pytest.param(board, panel, id=f"{board['uid']}/{panel['title']}")
    for board in ALL
    for panel in panels(board)
]
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}


def alert_rules() -> str:
    """Returns the text of all files of alerts."""
    return "".join(path.read_text() for path in RULES.glob("alerts-*.yml"))


def test_committed_dashboards_and_their_reference_page_are_what_the_code_gives():
    generated = (*build.DIRECTORY.rglob("*.json"), *build.PROMETHEUS.glob("*/*.yml"), build.PANEL_PAGE)
    committed = {path: path.read_text() for path in generated}
    assert committed == build.rendered(), "run `python -m monitoring.grafana.build`"


def test_building_writes_every_file_and_removes_what_no_code_makes(tmp_path, monkeypatch):
    monkeypatch.setattr(build, "DIRECTORY", tmp_path)
    monkeypatch.setattr(build, "PANEL_PAGE", tmp_path / "dashboards.md")
    shutil.copytree(build.PROMETHEUS, tmp_path / "prometheus")
    monkeypatch.setattr(build, "PROMETHEUS", tmp_path / "prometheus")
    (tmp_path / "gone.json").write_text("{}")
    build.main()
    written = {path: path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    written.pop(tmp_path / "prometheus/prometheus.yml")
    assert written == build.rendered()


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


def test_without_the_internet_the_stack_serves_the_runbooks_where_the_guide_says():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert "./docs/runbooks:/usr/share/grafana/public/runbooks:ro" in services["grafana"]["volumes"]
    assert ":3000/public/runbooks" in (ROOT / "docs/how-to/monitoring.md").read_text()


def test_links_to_runbooks_come_from_one_setting(monkeypatch):
    monkeypatch.setattr(runbooks, "RUNBOOKS_URL", "https://wiki.example/pages")
    monkeypatch.setattr(runbooks, "INDEX_URL", "https://wiki.example/pages/README.md")
    texts = [text for path, text in build.rendered().items() if path != build.PANEL_PAGE]
    assert sum("https://wiki.example/pages/Ratecast" in text for text in texts) > 10
    # An address of the default that is left would be a second setting.
    default = "github.com/ratecast/ratecast/blob/main/docs/runbooks"
    assert not [text for text in texts if default in text]


def test_the_name_of_an_active_alert_leads_to_its_runbook():
    table = panel_of("Active alerts")
    changed = {
        override["matcher"]["options"]: {change["id"]: change["value"] for change in override["properties"]}
        for override in table["fieldConfig"]["overrides"]
    }
    (link,) = changed["alertname"]["links"]
    assert link["url"] == runbooks.url("${__value.text}")
    assert link["targetBlank"]
    (mapping,) = changed["severity"]["mappings"]
    severities = re.findall(r"severity: (\w+)", alert_rules())
    assert mapping["options"].keys() == set(severities)


def test_provisioning_fits_the_dashboards_and_prometheus():
    datasource = (GRAFANA / "provisioning/datasources/prometheus.yml").read_text()
    assert re.search(rf"^    uid: {frame.DATASOURCE_UID}\b", datasource, re.MULTILINE)
    assert re.search(r"^    url: http://prometheus:9090$", datasource, re.MULTILINE)
    provider = (GRAFANA / "provisioning/dashboards/ratecast.yml").read_text()
    assert re.search(r"^      path: /var/lib/grafana/dashboards$", provider, re.MULTILINE)
    scraped = (GRAFANA.parent / "prometheus/prometheus.yml").read_text()
    interval = re.search(r"^  scrape_interval: (\w+)$", scraped, re.MULTILINE)[1]
    assert re.search(rf"^      timeInterval: {interval}$", datasource, re.MULTILINE)
