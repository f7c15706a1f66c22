"""What all tests share: an environment without our settings, a Kafka, unused topic names."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import NoReturn

import pytest

from headrace.errors import LocalKafkaError
from streams.broker import LocalKafka

BOOTSTRAP = "HEADRACE_BOOTSTRAP"


def pytest_configure() -> None:
    """Forget the developer's own settings: they must not change a result."""
    for name in list(os.environ):
        if name.startswith("HEADRACE_") and name != BOOTSTRAP:
            del os.environ[name]


@pytest.fixture(scope="session")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a Kafka that lives as long as the test session."""
    if given := os.environ.get(BOOTSTRAP):
        yield given
        return
    with ExitStack() as stack:
        try:
            kafka = stack.enter_context(LocalKafka(tmp_path_factory.mktemp("kafka")))
        except LocalKafkaError as error:
            _missing(f"no Kafka: {error}")
        yield kafka.bootstrap


@pytest.fixture
def topic_name() -> Callable[[str], str]:
    """Return a function from a readable name to one that no other test uses."""
    return lambda name="test": f"{name}-{uuid.uuid4().hex[:12]}"


def _missing(reason: str) -> NoReturn:
    """Skip on a laptop, fail in CI: there silence must not pass for success."""
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)
