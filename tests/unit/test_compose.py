"""What can be checked of the container files without Docker: their structure."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents import project
from headrace import __version__
from headrace.loading import load_pipeline
from headrace.settings import Settings
from streams.jars import KAFKA_VERSION

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
WORKERS = [name for name, service in SERVICES.items() if service.get("command", [""])[0] == "worker"]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8").replace("\\\n", "")
SECRET = re.compile(r"password|passwd|secret|token", re.IGNORECASE)


def instructions(keyword: str) -> list[str]:
    """Return the arguments of every *keyword* line of the Dockerfile."""
    return re.findall(rf"^{keyword} (.+)$", DOCKERFILE, re.MULTILINE)


def test_ours_and_that_of_a_new_project_are_made_of_one_template() -> None:
    (target,) = {SERVICES[name]["command"][-1] for name in ["topics", *WORKERS]}
    image = f"build: .\n  image: headrace:{__version__}"

    assert (ROOT / "docker-compose.yml").read_text("utf-8") == project.compose(
        "headrace", target, image, "docker compose up --build"
    )
    assert load_pipeline(target).name == "flights"


def test_that_of_a_new_project_runs_its_own_pipeline_and_is_like_ours_otherwise() -> None:
    files = project.contents("my-app", "classify")
    theirs = yaml.safe_load(files["docker-compose.yml"])
    assert theirs["name"] == "my-app"

    for name, ours in SERVICES.items():
        service = dict(theirs["services"][name])
        if name in ["topics", *WORKERS]:
            keys, *mounts = service.pop("volumes")
            assert [keys] == ours["volumes"]
            assert [mount.split(":")[0].removeprefix("./") for mount in mounts] == [
                "pipelines",
                "headrace.toml",
            ]
            assert all(mount.endswith(":ro") for mount in mounts)
            assert service.pop("command") == [*ours["command"][:-1], "pipelines.my_app"]
        assert service == {key: value for key, value in ours.items() if key in service}
        assert set(ours) - set(service) <= {"build", "command", "volumes"}
    assert theirs["volumes"] == COMPOSE["volumes"]
    assert files["deploy/prometheus.yml"] == (ROOT / "deploy/prometheus.yml").read_text("utf-8")


def test_two_workers_share_one_kafka() -> None:
    assert WORKERS == ["worker-1", "worker-2"]
    assert set(SERVICES) == {"kafka", "topics", "prometheus", *WORKERS}
    assert {SERVICES[name]["environment"]["HEADRACE_BOOTSTRAP"] for name in WORKERS} == {"kafka:9092"}


def test_workers_share_one_file_of_keys_that_only_they_can_read() -> None:
    for name in WORKERS:
        (mount,) = SERVICES[name]["volumes"]
        volume, folder = mount.split(":")
        assert volume in COMPOSE["volumes"]
        assert SERVICES[name]["environment"]["HEADRACE_KEYS_FILE"] == f"{folder}/keys.json"
    owner = instructions("USER")[-1].split(":")[0]
    assert any(
        re.search(rf"install --directory --owner={owner} .*--mode=0700 {folder}$", line)
        for line in instructions("RUN")
    )


def test_kafka_is_the_version_of_the_local_one() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_kafka_advertises_each_listener_where_it_is_reached() -> None:
    kafka = SERVICES["kafka"]
    listeners = dict(entry.split("://") for entry in kafka["environment"]["KAFKA_LISTENERS"].split(","))
    advertised = dict(
        entry.split("://") for entry in kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    )

    assert set(listeners) == {*advertised, kafka["environment"]["KAFKA_CONTROLLER_LISTENER_NAMES"]}
    assert advertised == {"INSIDE": "kafka:9092", "OUTSIDE": "localhost:19092"}
    assert all(listeners[name].endswith(place.split(":")[1]) for name, place in advertised.items())
    assert kafka["ports"] == ["127.0.0.1:19092:19092"]


@pytest.mark.parametrize("name", SERVICES)
def test_image_is_pinned(name: str) -> None:
    tag = SERVICES[name]["image"].partition(":")[2]

    assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag)


@pytest.mark.parametrize("name", SERVICES)
def test_service_has_no_rights_to_spare(name: str) -> None:
    service = SERVICES[name]

    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service.get("privileged", False)
    assert service.get("user", "of the image") not in {"root", "0"}
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))


@pytest.mark.parametrize("name", ["topics", "prometheus", *WORKERS])
def test_service_writes_only_to_its_volumes(name: str) -> None:
    assert SERVICES[name]["read_only"] is True


@pytest.mark.parametrize("name", SERVICES)
def test_service_holds_no_password(name: str) -> None:
    assert not [key for key in SERVICES[name].get("environment", {}) if SECRET.search(key)]


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "topics"])
def test_service_has_a_health_check(name: str) -> None:
    check = SERVICES[name]["healthcheck"]

    assert check["test"][0] == "CMD"
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_are_waited_for(name: str) -> None:
    for needed, how in SERVICES[name].get("depends_on", {}).items():
        ends = SERVICES[needed]["healthcheck"] == {"disable": True}
        expected = "service_completed_successfully" if ends else "service_healthy"
        assert how == {"condition": expected}


def test_prometheus_scrapes_every_worker() -> None:
    config = yaml.safe_load((ROOT / "deploy/prometheus.yml").read_text("utf-8"))
    (job,) = config["scrape_configs"]
    (group,) = job["static_configs"]

    assert job["metrics_path"] == "/metrics"
    assert group["targets"] == [
        f"{name}:{SERVICES[name]['environment']['HEADRACE_HTTP_PORT']}" for name in WORKERS
    ]


@pytest.mark.parametrize("name", WORKERS)
def test_health_check_program_asks_the_worker_port(name: str) -> None:
    *_, program = SERVICES[name]["healthcheck"]["test"]

    compile(program, "healthcheck", "exec")
    assert f'"127.0.0.1", {SERVICES[name]["environment"]["HEADRACE_HTTP_PORT"]},' in program
    assert '"/live"' in program


def test_environment_has_only_known_settings() -> None:
    names = {key for name in WORKERS for key in SERVICES[name]["environment"]}
    names |= set(re.findall(r"HEADRACE_\w+(?==)", DOCKERFILE))

    assert {name.removeprefix("HEADRACE_").lower() for name in names} <= set(Settings.__struct_fields__)


def test_files_mounted_from_the_checkout_are_read_only() -> None:
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]

    assert [mount for mount in mounts if mount.startswith(".") and not mount.endswith(":ro")] == []


def test_image_runs_as_an_unprivileged_user_by_number() -> None:
    *_, last = instructions("USER")

    assert re.fullmatch(r"[1-9]\d{3,}:[1-9]\d{3,}", last)
    assert DOCKERFILE.rindex("\nUSER") > DOCKERFILE.rindex("\nRUN")


def test_image_is_built_from_what_ci_passed_with() -> None:
    assert instructions("FROM") == ["python:3.13-slim AS build", "python:3.13-slim"]
    assert any("-c constraints.txt" in line for line in instructions("RUN"))


def test_image_asks_the_worker_whether_it_lives() -> None:
    (check,) = instructions("HEALTHCHECK")

    compile(yaml.safe_load(check[check.index("[") :])[-1], "healthcheck", "exec")
    assert "/live" in check
    assert instructions("ENTRYPOINT") == ['["headrace"]']


def test_build_context_holds_what_the_dockerfile_copies() -> None:
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line[:1] == "!"}
    copied = {
        source
        for line in instructions("COPY")
        if not line.startswith("--from")
        for source in line.split()[:-1]
    }

    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)
