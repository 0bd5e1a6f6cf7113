"""The one line that a user sees after a typing error."""

from __future__ import annotations

import pytest
import typer
from typer.main import get_command

from ratecast.errors import UsageError
from ratecast_cli.predict_command import parse_rates
from ratecast_cli.usage_errors import plain_message
from tests.ratecast_cli.test_help import app


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("demo --workers 0", "--workers: 0 is too small: the smallest value is 1"),
        ("demo --workers x", "--workers: 'x' is not a whole number"),
        ("broker --port 99999", "--port: 99999 is too large: the largest value is 65535"),
        ("verify --wait soon", "--wait: 'soon' is not a number"),
        ("tail foo", "TOPIC: 'foo' is not one of 'predictions', 'dead-letters'"),
        ("replay --foo", "no such option: --foo (Possible options: --from, --loop, --to)"),
        ("foo", "no such command 'foo'"),
        ("predict", "missing argument 'RATE'"),
    ],
)
def test_a_wrong_argument_is_named_with_the_rule_it_breaks(arguments: str, message: str) -> None:
    with pytest.raises(typer.TyperException) as raised:
        get_command(app)(arguments.split(), standalone_mode=False)
    assert plain_message(raised.value) == message
    assert raised.value.exit_code == 2


@pytest.mark.parametrize(
    ("rates", "message"),
    [
        ("0.85 abc 0.87", "rate 2 is 'abc', which is not a number"),
        ("1 2 -3", "rate 3 is -3, rates must be above 0"),
        ("0 1 2", "rate 1 is 0, rates must be above 0"),
        ("1 nan 2", "rate 2 is 'nan', which is not a number"),
        ("1 2 --piar", "there is no option --piar: see `ratecast predict --help`"),
    ],
)
def test_a_wrong_rate_is_named(rates: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_rates(rates.split())
    assert str(raised.value) == message
