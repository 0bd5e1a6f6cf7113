"""Reads PromQL: the series that an expression selects, and the labels that its aggregations and joins keep."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<duration>\[[^\]]*\])
    |(?P<number>\d[\w.]*|\.\d+)|(?P<name>\$?[a-zA-Z_:][\w:]*)|(?P<mark>=~|!~|!=|==|<=|>=|[-+*/%^<>=(){},@])""",
    re.VERBOSE,
)
_AGGREGATIONS = frozenset(
    {
        "avg",
        "bottomk",
        "count",
        "count_values",
        "group",
        "max",
        "min",
        "quantile",
        "stddev",
        "stdvar",
        "sum",
        "topk",
    }
)
_JOINS = frozenset({"on", "ignoring", "group_left", "group_right"})
_GROUPINGS = frozenset({"by", "without"})
_WORDS = frozenset({"and", "or", "unless", "offset", "bool", "inf", "nan"}) | _JOINS | _GROUPINGS


@dataclass(frozen=True)
class Selector:
    """A selected series: its name, or an empty one, and its matchers in order."""

    metric: str
    matchers: tuple[tuple[str, str, str], ...]  # label, operator, value without its quotes

    def of(self, label: str) -> list[tuple[str, str]]:
        """Operator and value of each matcher of a label."""
        return [(operator, value) for name, operator, value in self.matchers if name == label]


@dataclass(frozen=True)
class Grouping:
    """An aggregation or a join with the labels that it names. ``word`` is empty for an aggregation without `by`."""

    operator: str
    word: str
    labels: tuple[str, ...]


def selectors(expr: str) -> list[Selector]:
    """Returns every series that an expression selects.

    >>> selectors("sum by (pair) (rate(a_total{x='b{c}', y=~\\"d\\"}[5m])) / on (pair) group_left () b offset 1m")
    [Selector(metric='a_total', matchers=(('x', '=', 'b{c}'), ('y', '=~', 'd'))), Selector(metric='b', matchers=())]
    >>> selectors("time() - max(up) > bool 3e5 or {job='a'}")
    [Selector(metric='up', matchers=()), Selector(metric='', matchers=(('job', '=', 'a'),))]
    """
    return [found for found in _parsed(expr) if isinstance(found, Selector)]


def groupings(expr: str) -> list[Grouping]:
    """Returns every aggregation and every join of an expression.

    >>> groupings("sum by (pair) (a) / on (pair) group_left () max(b)")
    [Grouping(operator='sum', word='by', labels=('pair',)), Grouping(operator='', word='on', labels=('pair',)), \
Grouping(operator='max', word='', labels=())]
    """
    return [found for found in _parsed(expr) if isinstance(found, Grouping) and found.word != "group_left"]


def _parsed(expr: str) -> Iterator[Selector | Grouping]:
    tokens = list(_tokens(expr))
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        following = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if text in _AGGREGATIONS and kind == "name" and following in {"(", *_GROUPINGS}:
            labels: tuple[str, ...] = ()
            word = following if following in _GROUPINGS else ""
            if word:
                labels, at = _labels(tokens, at + 1)
            yield Grouping(text, word, labels)
        elif text in _JOINS and following == "(":
            labels, at = _labels(tokens, at)
            yield Grouping("", text, labels)
        elif text == "{":
            matchers, at = _matchers(tokens, at)
            yield Selector("", matchers)
        elif kind == "name" and text.lower() not in _WORDS and following != "(":
            matchers = ()
            if following == "{":
                matchers, at = _matchers(tokens, at + 1)
            yield Selector(text, matchers)


def _tokens(expr: str) -> Iterator[tuple[str, str]]:
    position = 0
    while position < len(expr):
        match = _TOKEN.match(expr, position)
        assert match is not None, f"not PromQL at {expr[position : position + 20]!r}: {expr}"
        position = match.end()
        kind = str(match.lastgroup)
        if kind not in {"space", "duration"}:
            yield kind, match.group()


def _labels(tokens: list[tuple[str, str]], at: int) -> tuple[tuple[str, ...], int]:
    """The labels in the parentheses that open at ``at``, and the place behind them."""
    end = tokens.index(("mark", ")"), at)
    return tuple(text for kind, text in tokens[at:end] if kind == "name"), end + 1


def _matchers(tokens: list[tuple[str, str]], at: int) -> tuple[tuple[tuple[str, str, str], ...], int]:
    """The matchers behind a brace at ``at - 1``, and the place behind the closing one."""
    end = tokens.index(("mark", "}"), at)
    inside = [token for token in tokens[at:end] if token != ("mark", ",")]
    names, operators, values = (inside[offset::3] for offset in range(3))
    assert len(names) == len(operators) == len(values)
    return tuple(
        (name, operator, value[1:-1])
        for (_, name), (_, operator), (_, value) in zip(names, operators, values, strict=True)
    ), end + 1
