"""Orders to single models and pauses, given to real workers: what is refused, what dies, what stays exact."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import msgspec
import pytest

from agents import operator
from agents.ownership import keyring
from headrace.settings import Settings
from schemas.audit import AuditEvent
from schemas.commands import KEY_HEADER, MAC_HEADER, Command
from tests.broker import workers as w
from tests.broker.travel.past_runs import Run, runner, told

pytestmark = pytest.mark.broker

PIPELINE = """
import headrace as hr
from river import linear_model, naive_bayes, preprocessing


class Reading(hr.Event):
    id: str
    a: float
    b: float
    y: bool | None = None


pipeline = hr.Pipeline(
    "{name}",
    source=hr.Topic("{name}.events", Reading, key="id", partitions={partitions}),
    target="y",
    models={{
        "linear": lambda: preprocessing.StandardScaler() | linear_model.LogisticRegression(),
        "bayes": naive_bayes.GaussianNB,
    }},
    combine=hr.Vote("soft"),
)
"""
PARTITIONS = 2
OFTEN = {"HEADRACE_SNAPSHOT_INTERVAL_S": "0.3", "HEADRACE_SNAPSHOT_EVENTS": "40"}


class Scene:
    """A pipeline of two models, an operator, and whoever reads what came of it."""

    def __init__(self, bootstrap: str, name: str, run: Run) -> None:
        self.bootstrap, self.name, self.run = bootstrap, name, run
        self.keys = keyring(Settings(bootstrap=bootstrap))
        self.n_sent = 0

    def send(self, n: int) -> None:
        chance = random.Random(self.n_sent)
        rows = [
            {"id": f"e{self.n_sent + i}", "a": chance.gauss(0, 1), "b": chance.random()} for i in range(n)
        ]
        values = [json.dumps(row | {"y": row["a"] + row["b"] > 0.5}).encode() for row in rows]
        w.produce(self.bootstrap, f"{self.name}.events", values, PARTITIONS)
        self.n_sent += n

    def n_results(self) -> int:
        return w.end_offsets(self.bootstrap, f"{self.name}.predictions", PARTITIONS)

    def until_answered(self) -> None:
        w.until(lambda: self.n_results() >= self.n_sent, f"{self.n_sent} results")

    def order(self, *argv: str) -> list[dict[str, Any]]:
        """Give an order on the command line; return the answers, all accepted."""
        action, *rest = argv
        answers: list[dict[str, Any]] = told(self.run("model", action, "pipe.py", *rest, "--yes", "--json"))
        assert {answer["outcome"] for answer in answers} == {"accepted"}
        return answers

    def control(self, value: bytes, *, key_id: str | None = None, mac: bytes | None = None) -> None:
        """Put a record into the control topic, signed unless something else is given."""
        signed = self.keys.sign(value)
        headers = [
            (KEY_HEADER, (key_id or signed[0]).encode()),
            (MAC_HEADER, signed[1].hex().encode() if mac is None else mac),
        ]
        w.produce(self.bootstrap, "headrace.control", [value], 1, headers=headers)

    def audit(self) -> list[AuditEvent]:
        """Return what concerns this pipeline, in the order in which it was said."""
        found = [
            msgspec.json.decode(m.value() or b"", type=AuditEvent)
            for m in w.consume(self.bootstrap, "headrace.audit", 1)
        ]
        return [event for event in found if event.pipeline == self.name]

    def require_exact(self) -> None:
        """Fail unless a fold of the whole log, with the decisions, comes to the live state."""
        verdicts = told(self.run("verify", "pipe.py", "--json"))
        assert [verdict["identical"] for verdict in verdicts] == [True] * PARTITIONS
        into = f"{self.name}.again"
        told(self.run("replay", "pipe.py", "--from", "beginning", "--into", into, "--json"))
        assert self.run("diff", self.name, into, "--check").exit_code == 0


@pytest.fixture
def scene(tmp_path: Path, bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """A fresh pipeline in pipe.py, its topics created."""
    run = runner(tmp_path, bootstrap, monkeypatch)
    return Scene(bootstrap, w.create_pipeline(tmp_path, bootstrap, PIPELINE, PARTITIONS), run)


@pytest.fixture
def start(tmp_path: Path, bootstrap: str) -> Iterator[Any]:
    with w.workers(tmp_path, bootstrap) as start:
        yield lambda **env: start(**OFTEN, **env)


def test_orders_act_at_one_offset_and_replay_takes_the_same_turn(scene: Scene, start: Any) -> None:
    worker = start()
    worker.until_ready()
    scene.send(200)
    scene.until_answered()

    frozen = scene.order("freeze", "bayes")
    scene.send(100)
    scene.until_answered()
    scene.order("reset", "linear", "-p", "0", "--expect", "1")
    scene.order("disable", "linear", "-p", "1")
    scene.send(100)
    scene.until_answered()
    stands = told(scene.run("model", "ls", "pipe.py", "--json"))
    states = [{m["name"]: (m["is_frozen"], m["is_disabled"]) for m in one["models"]} for one in stands]
    shown = scene.run("model", "show", "pipe.py", "bayes").stdout
    assert worker.terminate() == 0

    assert [(one["acts_at"], one["version"]) for one in frozen] == [(100, 1), (100, 1)]
    assert [(one["version"], one["is_live"], one["offset"]) for one in stands] == [(2, True, 200)] * 2
    assert states == [
        {"linear": (False, False), "bayes": (True, False)},
        {"linear": (False, True), "bayes": (True, False)},
    ]
    assert shown.count("frozen") == 2
    assert shown.count("freeze") == 2
    scene.require_exact()
    rest = told(scene.run("model", "ls", "pipe.py", "--json"))
    assert [(one["models"], one["version"]) for one in rest] == [
        (one["models"], one["version"]) for one in stands
    ]
    (_, differs, same, _) = told(scene.run("model", "diff", "pipe.py", "100", "150", "--json"))
    kinds = [entry["kind"] for entry in told(scene.run("model", "history", "pipe.py", "--json"))]
    assert (kinds.count("freeze"), kinds.count("reset"), kinds.count("disable")) == (2, 1, 1)
    found = {(d["partition"], d["model"]): d["part"] for d in (differs, same)}
    assert found[0, "bayes"] is None, "it was frozen at offset 100"
    assert found[1, "linear"] is not None


def send_all_kinds(scene: Scene) -> None:
    """Put into the control topic what may be carried out, what may not, and what is no command."""
    name = scene.name

    def command(action: Any, model: str = "", partition: int | None = 0, **more: Any) -> bytes:
        return msgspec.json.encode(operator.order(name, partition, action, model=model, **more))  # type: ignore[arg-type] # None: all

    twice = command("freeze", "bayes")
    late = msgspec.json.encode(Command("late", name, 0, "thaw", int(time.time() * 1000) - 1, model="bayes"))
    scene.control(twice)
    scene.control(twice)
    scene.control(command("freeze", "nobody"))
    scene.control(command("thaw", "bayes", expected_version=0))
    scene.control(command("thaw", "bayes", expected_version=7))
    scene.control(late)
    scene.control(command("promote", "bayes"))
    scene.control(command("freeze", "bayes", partition=9))
    scene.control(command("freeze", "bayes"), mac=b"")
    scene.control(command("freeze", "bayes"), key_id="stranger")
    scene.control(b'{"pipeline":"%s","id":"odd","action":"explode"}' % name.encode())
    scene.control(b'{"pipeline":"%s"' % name.encode() + b"[" * 5_000)
    scene.control(b"\xff\x00 garbage")
    scene.control(command("freeze", "linear", partition=None))


def test_every_record_of_the_control_topic_gets_its_event_and_none_stops_a_worker(
    scene: Scene, start: Any
) -> None:
    worker = start()
    worker.until_ready()
    scene.send(20)
    scene.until_answered()

    send_all_kinds(scene)
    w.until(lambda: sum(event.outcome == "accepted" for event in scene.audit()) >= 3, "the last is answered")
    scene.send(20)
    scene.until_answered()
    told_of = scene.audit()
    assert worker.process.poll() is None
    assert worker.terminate() == 0

    assert [(e.outcome, (e.reason or "").split("\n")[0]) for e in told_of] == [
        ("accepted", ""),
        ("repeated", "answered before: accepted"),
        ("refused", "there is no model 'nobody'"),
        ("refused", "expected version 0 of partition 0, it is 1"),
        ("refused", "expected version 7 of partition 0, it is 1"),
        ("refused", "the command came too late: it has expired"),
        ("refused", "there is nobody to promote or demote"),
        ("refused", "there is no partition 9: the last is 1"),
        ("refused", "the signature does not fit the content"),
        ("refused", "signed with key 'stranger', which is not in the key file"),
        ("refused", "Invalid enum value 'explode' - at `$.action`"),
        ("accepted", ""),
        ("accepted", ""),
    ]
    assert len({event.id for event in told_of}) == len(told_of)
    assert [e.version for e in told_of if e.outcome == "accepted"] == [1, 2, 1]
    offsets = [event.control_offset for event in told_of]
    anonymous = [
        m for m in w.consume(scene.bootstrap, "headrace.audit", 1)
        if min(offsets) <= json.loads(m.value() or b"")["control_offset"] <= max(offsets)
        and "pipeline" not in json.loads(m.value() or b"")
    ]  # fmt: skip
    assert len(anonymous) >= 2, "what names no pipeline has an event too"
    again = start()
    again.until_ready()
    scene.order("thaw", "bayes", "-p", "0")
    assert again.terminate() == 0
    assert [event.id for event in scene.audit()[: len(told_of)]] == [event.id for event in told_of]
    assert len(scene.audit()) == len(told_of) + 1, "nothing is said twice after a restart"
    scene.require_exact()


def test_a_paused_pipeline_rests_through_a_kill_and_goes_on_where_it_stopped(
    scene: Scene, start: Any
) -> None:
    worker = start(HEADRACE_WATCHDOG_S="8")
    worker.until_ready()
    scene.send(100)
    scene.until_answered()

    paused = scene.order("pause")
    scene.send(60)
    w.until(lambda: json.loads(worker.get("/ready")[1])["paused"] == [0, 1], "the worker says so")
    worker.close()
    other = start(HEADRACE_WATCHDOG_S="8")
    w.until(lambda: json.loads(other.get("/ready")[1])["paused"] == [0, 1], "the next one rests too")
    stands = told(scene.run("model", "ls", "pipe.py", "--json"))
    twice = scene.run("model", "pause", "pipe.py", "--yes")
    scene.order("freeze", "bayes")
    assert scene.n_results() == 100
    resumed = scene.order("resume")
    scene.until_answered()
    assert other.terminate() == 0

    assert [(one["is_paused"], one["offset"]) for one in stands] == [(True, 50)] * 2
    assert (twice.exit_code, "paused already" in twice.stderr) == (1, True)
    assert [one["acts_at"] for one in [*paused, *resumed]] == [50] * 4
    assert scene.n_results() == 160
    scene.require_exact()


def test_a_worker_that_dies_between_decision_and_act_is_followed_exactly(scene: Scene, start: Any) -> None:
    worker = start(HEADRACE_FAILPOINT="after_decision")
    worker.until_ready()
    scene.send(100)
    scene.until_answered()
    command = operator.order(scene.name, 0, "reset", model="bayes")
    scene.control(msgspec.json.encode(command))
    w.until(lambda: worker.process.poll() is not None, "it has died of the order")
    assert scene.audit() == []

    other = start()
    other.until_ready()
    w.until(scene.audit, "the next one says what became of it")
    scene.send(100)
    scene.until_answered()
    assert other.terminate() == 0

    (event,) = scene.audit()
    assert (event.outcome, event.command, event.acts_at) == ("accepted", command.id, 50)
    scene.require_exact()


def test_the_answer_is_a_cloud_event_whose_key_is_the_pipeline(scene: Scene, start: Any) -> None:
    worker = start()
    worker.until_ready()
    scene.order("freeze", "bayes", "-p", "1")
    assert worker.terminate() == 0

    found: list[confluent_kafka.Message] = [
        m for m in w.consume(scene.bootstrap, "headrace.audit", 1) if m.key() == scene.name.encode()
    ]
    (message,) = found
    headers = dict(message.headers() or [])
    assert headers["ce_type"] == b"headrace.audit.v1"
    assert headers["ce_id"].decode() == json.loads(message.value() or b"")["id"]
    refused = scene.run("model", "freeze", "pipe.py", "bayes", "-p", "7", "--yes")
    assert refused.exit_code == 1
    assert "has no partition 7" in refused.stderr
