"""`headrace doctor`."""

from __future__ import annotations

import asyncio
import platform
import re
import sys
import time
from collections.abc import Iterator
from importlib.metadata import requires, version

import click
import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from rich.markup import escape

from agents.cli.common import bootstrap_option, json_option, load_settings, print_json, stdout
from agents.pipeline_topics import topic_specs
from headrace.errors import HeadraceError
from headrace.loading import load_pipeline
from headrace.pipeline import Pipeline
from streams import client, groups, topics

_PINNED = re.compile(r"([\w-]+)(?:\[[\w,-]*\])?==([\w.]+)")


class Finding(msgspec.Struct, omit_defaults=True):
    """One check: what was looked at, whether it is well, what was found, what to do."""

    check: str
    ok: bool
    found: str
    fix: str = ""


@click.command("doctor")
@click.argument("target", required=False)
@bootstrap_option
@json_option
@click.pass_context
def command(ctx: click.Context, target: str | None, bootstrap: str | None, as_json: bool) -> None:
    """Check everything a worker needs before it starts. Exit code 4 if anything is wrong.

    \b
    Example:
      headrace doctor pipelines.fraud
    """
    findings = [*_environment()]
    pipeline = None
    if target is not None:
        try:
            pipeline = load_pipeline(target)
            findings.append(Finding("pipeline", True, f"{pipeline.label}, {len(pipeline.models)} models"))
        except HeadraceError as error:
            findings.append(_failed("pipeline", error))
    try:
        address = load_settings(bootstrap).bootstrap or ""
        findings += asyncio.run(_broker(address, pipeline, target or "TARGET"))
    except HeadraceError as error:
        findings.append(_failed("broker", error))
    if as_json:
        print_json([msgspec.to_builtins(finding) for finding in findings])
    else:
        for finding in findings:
            mark = "[green]ok [/]" if finding.ok else "[red]bad[/]"
            stdout.print(f"{mark} {finding.check:10} {escape(finding.found)}")
            if finding.fix and not finding.ok:
                stdout.print(f"               fix  {escape(finding.fix)}")
    if not all(finding.ok for finding in findings):
        ctx.exit(4)


def _environment() -> Iterator[Finding]:
    supported = (3, 11) <= sys.version_info[:2] <= (3, 13)
    yield Finding("python", supported, platform.python_version(), "3.11 to 3.13: python3.13 -m venv .venv")
    for name, wanted in _pinned():
        found = version(name)
        yield Finding(name, found == wanted, found, f"pip install {name}=={wanted}")


def _pinned() -> Iterator[tuple[str, str]]:
    """Yield the libraries that have to be there in one version exactly, and that version."""
    for requirement in requires("headrace") or ():
        if match := _PINNED.fullmatch(requirement):
            yield match[1], match[2]


def _failed(check: str, error: HeadraceError) -> Finding:
    found = f"{error.what} ({error.why})" if error.why else error.what
    return Finding(check, False, found, error.fix)


async def _broker(address: str, pipeline: Pipeline | None, target: str) -> list[Finding]:
    async with client.admin(address) as admin:
        started = time.monotonic()
        n = len((await admin.describe_cluster())["brokers"])
        took_ms = (time.monotonic() - started) * 1000
        findings = [Finding("broker", True, f"{n} at {address}, answered in {took_ms:.0f} ms")]
        if pipeline is not None:
            findings += await _topics(admin, pipeline, target)
            findings.append(await _group(admin, pipeline))
    return findings


async def _topics(admin: AIOKafkaAdminClient, pipeline: Pipeline, target: str) -> list[Finding]:
    return [
        Finding(
            "topic",
            c.problem is None,
            f"{c.spec.name}: {c.problem or f'{c.partitions} partitions'}",
            f"headrace topics create {target}"
            if c.partitions is None
            else f"partitions={c.partitions} in the pipeline's Topic, or delete the topic and run "
            f"headrace topics create {target}",
        )
        for c in await topics.check(admin, topic_specs(pipeline))
    ]


async def _group(admin: AIOKafkaAdminClient, pipeline: Pipeline) -> Finding:
    try:
        await groups.require_ours(admin, pipeline.name)
    except HeadraceError as error:
        return _failed("group", error)
    return Finding("group", True, f"{pipeline.name} is free or ours")
