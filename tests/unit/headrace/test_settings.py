"""Where and how: options win over the environment, it over the file, and a mistake names its place."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from headrace.errors import SettingsError
from headrace.settings import FILE_NAME, Settings, load


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def write(folder: Path, text: str) -> Path:
    (folder / FILE_NAME).write_text(text, encoding="utf-8")
    return folder


def fault_of(folder: Path, env: dict[str, str] | None = None, **overrides: Any) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(env or {}, folder, **overrides)
    return caught.value


def test_without_anything_the_defaults_hold(folder: Path) -> None:
    assert load({}, folder) == Settings()


def test_every_place_has_its_rank(folder: Path) -> None:
    write(folder, 'http_port = 1\nhttp_host = "file"\ndata_dir = "file"')
    env = {"HEADRACE_HTTP_PORT": "2", "HEADRACE_HTTP_HOST": "env"}

    found = load(env, folder, http_port=3, data_dir=None)

    assert (found.http_port, found.http_host, found.data_dir) == (3, "env", "file")


def test_the_environment_is_that_of_the_process(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADRACE_BOOTSTRAP", "kafka:9092")
    monkeypatch.chdir(write(folder, "http_port = 9"))

    found = load()

    assert (found.bootstrap, found.http_port) == ("kafka:9092", 9)


def test_texts_of_the_environment_become_numbers(folder: Path) -> None:
    found = load({"HEADRACE_COMMIT_INTERVAL_S": "0.5", "HEADRACE_FETCH_BYTES": "1024"}, folder)

    assert (found.commit_interval_s, found.fetch_bytes) == (0.5, 1024)


def test_an_empty_variable_counts_as_absent(folder: Path) -> None:
    env = {"HEADRACE_BOOTSTRAP": "", "HEADRACE_HTTP_PORT": ""}

    assert load(env, write(folder, "http_port = 9")) == Settings(http_port=9)


@pytest.mark.parametrize("level", ["info", "INFO", "Info"])
def test_a_log_level_may_be_written_large(folder: Path, level: str) -> None:
    assert load({"HEADRACE_LOG_LEVEL": level}, folder).log_level == "info"
    assert load({}, write(folder, f'log_level = "{level}"')).log_level == "info"


def test_variables_of_others_are_none_of_ours(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    env = {
        "PATH": "/bin",
        "BOOTSTRAP": "x",
        "_HEADRACE_COMPLETE": "bash_source",
        "HEADRACE_BENCH_MODEL": "lr",
    }

    assert load(env, folder) == Settings()
    assert not caplog.records


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("HEADRACE_BOOTSTRP", "HEADRACE_BOOTSTRAP"),
        ("HEADRACE_HTTP_PROT", "HEADRACE_HTTP_PORT"),
        ("HEADRACE_SESSION_TIMEOUT", "HEADRACE_SESSION_TIMEOUT_S"),
        ("HEADRACE_COMMIT_INTERVAL_MS", "HEADRACE_COMMIT_INTERVAL_S"),
    ],
)
def test_a_mistyped_variable_is_an_error(folder: Path, variable: str, meant: str) -> None:
    fault = fault_of(folder, {variable: "5"})

    assert fault.what == f"{variable} is not a setting"
    assert meant in fault.why
    assert f"{meant}=5" in fault.fix


def test_a_variable_that_resembles_nothing_is_named_in_the_log(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    env = {
        "HEADRACE_SERVICE_HOST": "10.0.0.7",  # as Kubernetes sets them for a service called headrace
        "HEADRACE_PORT_8088_TCP": "tcp://10.0.0.7:8088",
        "HEADRACE_COLOUR": "blue",
    }

    with caplog.at_level(logging.WARNING):
        assert load(env, folder) == Settings()

    (record,) = caplog.records
    assert all(variable in record.getMessage() for variable in env)
    assert "blue" not in record.getMessage()


def test_an_unknown_key_of_the_file_is_an_error(folder: Path) -> None:
    fault = fault_of(write(folder, 'bootstap = "kafka:9092"'))

    assert "bootstap in" in fault.what
    assert FILE_NAME in fault.what
    assert "bootstrap" in fault.fix


def test_a_table_of_the_file_is_an_error(folder: Path) -> None:
    fault = fault_of(write(folder, "[worker]\nhttp_port = 1"))

    assert fault.what.startswith("worker in ")
    assert "http_port" in fault.why


def test_an_unknown_option_is_an_error(folder: Path) -> None:
    assert fault_of(folder, colour="blue").what == "option colour is not a setting"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTP_PORT", "http"),
        ("HTTP_PORT", "65536"),
        ("HTTP_PORT", "-1"),
        ("HTTP_PORT", "1.5"),
        ("SESSION_TIMEOUT_S", "0"),
        ("SESSION_TIMEOUT_S", "-1"),
        ("SESSION_TIMEOUT_S", "nan"),
        ("COMMIT_INTERVAL_S", "inf"),
        ("COMMIT_INTERVAL_S", "1s"),
        ("FETCH_BYTES", "0"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_value_that_cannot_be_used_names_its_variable(folder: Path, name: str, value: str) -> None:
    fault = fault_of(folder, {f"HEADRACE_{name}": value})

    assert fault.what.startswith(f"HEADRACE_{name} cannot be used: ")
    assert repr(value) in fault.why
    assert fault.fix


@pytest.mark.parametrize("line", ['http_port = "x"', "bootstrap = 3.5", "data_dir = []", 'bootstrap = ""'])
def test_a_value_that_cannot_be_used_names_its_file(folder: Path, line: str) -> None:
    fault = fault_of(write(folder, line))

    assert fault.what.startswith(f"{line.partition(' ')[0]} in {folder / FILE_NAME} cannot be used")


def test_a_wrong_value_that_something_else_overrides_is_not_used(folder: Path) -> None:
    write(folder, "http_port = -1")

    assert load({"HEADRACE_HTTP_PORT": "5"}, folder).http_port == 5


@pytest.mark.parametrize("content", [b"http_port 8088", b'data_dir = "\xff"'])
def test_a_file_that_is_no_toml_is_an_error(folder: Path, content: bytes) -> None:
    (folder / FILE_NAME).write_bytes(content)

    fault = fault_of(folder)

    assert str(folder / FILE_NAME) in fault.what
    assert fault.why


def test_settings_do_not_change() -> None:
    with pytest.raises(AttributeError):
        Settings().http_port = 1  # type: ignore[misc]


def test_a_list_in_the_environment_has_commas_between(folder: Path) -> None:
    env = {"HEADRACE_SNAPSHOT_CLASSES": "mine.Model, mine.scaled"}
    assert load(env, folder).snapshot_classes == ("mine.Model", "mine.scaled")
