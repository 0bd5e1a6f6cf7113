"""One broker for all tests of this folder."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING

import pytest

from ratecast.errors import RatecastError
from ratecast_stack.jvm import jars
from tests import brokers
from tests.secured.secured_kafka import SecuredKafka, secured_kafka
from tests.sink.conftest import postgres_server  # noqa: F401 - a fixture of these tests too
from tests.token_endpoint import token_endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.token_endpoint import TokenEndpoint


@pytest.fixture
def _rejected_connections_may_outlive_the_loop() -> Iterator[None]:
    """aiokafka closes a rejected connection without waiting for the end of TLS, which a test's loop may not live to see."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="session")
def tokens() -> Iterator[TokenEndpoint]:
    with token_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory, tokens: TokenEndpoint) -> Iterator[SecuredKafka]:
    reason = brokers.jvm_is_missing()
    if reason is None:
        try:
            jars.class_path()
        except RatecastError as error:
            reason = str(error)
    if reason:
        pytest.skip(f"no Apache Kafka: {reason}")
    with secured_kafka(tmp_path_factory.mktemp("secured"), tokens) as running:
        yield running
