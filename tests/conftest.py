"""What all tests share: an environment without our settings, a Kafka, unused topic names, their order."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NoReturn

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from headrace.errors import LocalKafkaError
from streams.broker import LocalKafka

BOOTSTRAP = "HEADRACE_BOOTSTRAP"

LONGEST_FIRST = ("chaos", "broker", "bench", "simulation")
"""Folders; what is in none of these takes less."""

_HERE = Path(__file__).parent

_SHARED = {path.stem for path in _HERE.iterdir()} - {Path(__file__).stem, "__init__"}

pytest.register_assert_rewrite(*(f"tests.{name}" for name in _SHARED))  # a failure there shows the values too


def pytest_configure() -> None:
    """Forget the developer's own settings: they must not change a result, and no test is about time."""
    settings.register_profile("untimed", deadline=None)
    settings.load_profile("untimed")
    for name in list(os.environ):
        if name.startswith("HEADRACE_") and name != BOOTSTRAP:
            del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest: several processes then come to their ends at about the same time."""
    rank = {folder: number for number, folder in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(_HERE).parts[0], len(rank)))


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Gives each process of xdist a file at a time; one gets all of tests/chaos, which fills a core.

    The schedules of the simulation need nothing of each other: they fill the gaps.
    """

    def _split_scope(self, nodeid: str) -> str:
        if "::test_twenty_thousand_schedules" in nodeid:
            return nodeid
        path = nodeid.partition("::")[0]
        return "chaos" if "/chaos/" in path else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Share tests among processes as `_Scheduling` does, in the order of `LONGEST_FIRST`."""
    config.option.loadscopereorder = False
    return _Scheduling(config, log)


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
