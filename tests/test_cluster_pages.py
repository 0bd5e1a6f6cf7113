"""The pages on managed clusters: their settings load, their topics are those of ratecast, and they grant the same rights."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import yaml

from ratecast.errors import UsageError
from ratecast.kafka.topics import required_topics
from ratecast.settings import ENV_PREFIX, Settings, check_environment, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = Path(__file__).parents[1] / "docs" / "how-to" / "clusters"
BLOCK = re.compile(
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)
ASSIGNMENT = re.compile(r"^\s*(?:export )?(\w+=.*)$", re.MULTILINE)
TOPIC = re.compile(r"\brate-(?:histories|predictions|dead-letters)\b")

# Settings that the pages use and that are still being built. Blocks with one of them are not loaded until then.
COMING = frozenset(
    f"{ENV_PREFIX}{name}"
    for name in (
        "SASL_PASSWORD_FILE",
        "OAUTH_AWS_REGION",
        "OAUTH_TOKEN_URL",
        "OAUTH_CLIENT_ID",
        "OAUTH_CLIENT_SECRET_FILE",
        "OAUTH_SCOPE",
        "OAUTH_TOKEN_FILE",
    )
)


class Right(NamedTuple):
    """An operation on a resource. The names are in lower case and without separators."""

    resource: str
    name: str
    operation: str


def blocks(page: str, language: str | None = None) -> list[str]:
    found = BLOCK.finditer((PAGES / page).read_text(encoding="utf-8"))
    return [block["text"] for block in found if language in (None, block["language"])]


def resources(page: str) -> list[dict[str, Any]]:
    return [item for text in blocks(page, "yaml") for item in yaml.safe_load_all(text)]


def assignments(text: str) -> dict[str, str]:
    lines = [line for match in ASSIGNMENT.findall(text) for line in shlex.split(match)]
    return dict(line.split("=", 1) for line in lines)


def environments() -> Iterator[tuple[str, dict[str, str]]]:
    """Every group of settings that a page shows as one, with the page's name."""
    for page in sorted(PAGES.glob("*.md")):
        for text in blocks(page.name):
            if f"export {ENV_PREFIX}" in text:
                yield page.name, assignments(text)
        for pod in (item for item in resources(page.name) if item["kind"] == "Pod"):
            for container in pod["spec"]["containers"]:
                yield page.name, {variable["name"]: variable["value"] for variable in container["env"]}


ENVIRONMENTS = list(environments())


def test_settings_that_exist_are_no_longer_coming(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in COMING:
        monkeypatch.setenv(name, "x")
        with pytest.raises(UsageError, match=f"{name} is not a setting"):  # else delete COMING
            check_environment()
        monkeypatch.delenv(name)


@pytest.mark.parametrize(("page", "shown"), ENVIRONMENTS, ids=[page for page, _ in ENVIRONMENTS])
def test_the_settings_of_a_page_load(
    page: str, shown: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert len(shown) >= 4, page
    secret = tmp_path / "secret"
    secret.write_text("a secret\n")
    given = {name: value for name, value in shown.items() if name not in COMING}
    if given != shown:  # without the settings to come, the rest is checked as far as it stands alone
        given |= {f"{ENV_PREFIX}SASL_MECHANISM": "PLAIN"} if "OAUTHBEARER" in shown.values() else {}
        given |= {f"{ENV_PREFIX}SASL_USERNAME": "x", f"{ENV_PREFIX}SASL_PASSWORD": "x"}
    for name, value in given.items():
        monkeypatch.setenv(name, str(secret) if name.endswith("_FILE") else value)
    settings = load_settings()
    assert settings.bootstrap_servers == shown["RATECAST_BOOTSTRAP_SERVERS"]
    assert settings.security_protocol.endswith("SSL"), (
        "a password or a message would cross the network in plain text"
    )


def test_each_cluster_has_settings() -> None:
    assert {page for page, _ in ENVIRONMENTS} == {page.name for page in PAGES.glob("*.md")} - {"index.md"}


def test_the_resources_of_topics_are_the_topics_that_ratecast_creates() -> None:
    shown = {
        item["metadata"]["name"]: item["spec"]
        for item in resources("strimzi.md")
        if item["kind"] == "KafkaTopic"
    }
    created = required_topics(Settings())
    assert shown.keys() == created.keys()
    for name, spec in shown.items():
        assert spec["config"] == {**created[name], "min.insync.replicas": 2} | {
            "max.message.bytes": int(created[name]["max.message.bytes"])
        }
        assert spec["replicas"] == 3


@pytest.mark.parametrize("page", ["index.md", "confluent.md", "redpanda.md"])
def test_the_commands_for_topics_give_them_the_configuration_of_ratecast(page: str) -> None:
    created = required_topics(Settings())
    seen = set()
    for command in commands(page):
        shown = dict(re.findall(r"\b(max\.message\.bytes|message\.timestamp\.type)=(\w+)", command))
        for name in TOPIC.findall(command) if shown else ():
            assert shown == created[name], command
            seen.add(name)
    assert seen >= ({"rate-histories"} if page == "index.md" else created.keys())


def commands(page: str) -> list[str]:
    return [line for text in blocks(page) for line in text.replace("\\\n", " ").splitlines()]


def spelt_alike(text: str) -> str:
    return re.sub("[-_]", "", text.lower())


def rights_of_commands(page: str) -> set[Right]:
    """The rights that ``... acl create --operations a,b --topic x,y`` grants."""
    found = set()
    for command in (line for line in commands(page) if " acl create " in line):
        words = shlex.split(command)
        options = {word.removeprefix("--"): value for word, value in pairwise(words) if word[:2] == "--"}
        operations = options.get("operations") or options["operation"]
        for option, resource in {"topic": "topic", "group": "group", "consumer-group": "group"}.items():
            for name in options.get(option, "").split(",") if option in options else ():
                found |= {
                    Right(resource, name, spelt_alike(operation)) for operation in operations.split(",")
                }
        if prefix := options.get("transactional-id"):
            assert "--prefix" in words or options["resource-pattern-type"] == "prefixed"
            found |= {Right("transactionalid", prefix, operation) for operation in operations.split(",")}
    return found


def rights_of_user(name: str) -> set[Right]:
    (user,) = (
        item
        for item in resources("strimzi.md")
        if item["kind"] == "KafkaUser" and item["metadata"]["name"] == name
    )
    rules = user["spec"]["authorization"]["acls"]
    for rule in rules:
        is_prefix = rule["resource"]["type"] == "transactionalId"
        assert rule["resource"]["patternType"] == ("prefix" if is_prefix else "literal")
    return {
        Right(spelt_alike(rule["resource"]["type"]), rule["resource"]["name"], spelt_alike(operation))
        for rule in rules
        for operation in rule["operations"]
    }


def rights_of_policy() -> set[Right]:
    """The rights of the policy for MSK in Kafka's words, without those that Kafka derives from others."""
    in_kafka = {
        "DescribeTopic": "describe",
        "ReadData": "read",
        "WriteData": "write",
        "DescribeTopicDynamicConfiguration": "describeconfigs",
        "AlterGroup": "read",
        "DescribeTransactionalId": "describe",
        "AlterTransactionalId": "write",
    }
    (policy,) = (json.loads(text) for text in blocks("msk.md", "json"))
    found = set()
    for statement in policy["Statement"]:
        arns = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for arn in arns:
            kind, _, name = arn.split(":", 5)[5].partition("/")
            actions = {action.removeprefix("kafka-cluster:") for action in statement["Action"]}
            found |= {
                Right(spelt_alike(kind), name.removeprefix("rates/UUID/").removesuffix("*"), in_kafka[action])
                for action in actions - {"Connect", "DescribeGroup"}
            }
    return found


def test_a_worker_gets_the_same_rights_on_every_cluster() -> None:
    rights = rights_of_user("ratecast-worker")
    assert len(rights) == 11
    assert rights_of_commands("confluent.md") == rights
    assert rights_of_commands("redpanda.md") == rights
    assert rights_of_policy() == rights


def table_of_rights() -> dict[str, set[Right]]:
    """The rows of the table, by the program that they begin with."""
    text = (PAGES / "strimzi.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \|(.*)\|$", text, re.MULTILINE)
    topics = list(required_topics(Settings()))
    return {
        program: {
            Right("topic", topic, spelt_alike(operation.strip()))
            for topic, cell in zip(topics, cells.split("|"), strict=False)
            for operation in cell.split(",")
            if operation.strip()
        }
        for program, cells in rows
    }


def test_the_users_of_strimzi_have_the_rights_of_the_table() -> None:
    table = table_of_rights()
    for program in ("worker", "feed"):
        user = rights_of_user(f"ratecast-{program}")
        assert table[program] == {right for right in user if right.resource == "topic"}
    assert table["web"] > rights_of_user("ratecast-reader")
