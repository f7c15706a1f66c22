"""What a worker asks of Faust."""

from __future__ import annotations

import pytest

from streams.app import AppSettings, build_app


@pytest.mark.parametrize(("asked", "used"), [("none", None), ("snappy", "snappy"), ("zstd", "zstd")])
def test_results_are_compressed_as_the_settings_say(asked: str, used: str | None) -> None:
    app = build_app(AppSettings(bootstrap="127.0.0.1:1", group="g", compression=asked))

    assert app.conf.producer_compression_type == used


def test_several_brokers_become_several_addresses() -> None:
    app = build_app(AppSettings(bootstrap="a:1,b:2", group="g"))

    assert [str(url) for url in app.conf.broker] == ["kafka://a:1", "kafka://b:2"]


def test_the_group_is_the_pipelines_name() -> None:
    assert build_app(AppSettings(bootstrap="a:1", group="fraud")).conf.id == "fraud"
