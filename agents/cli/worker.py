"""`headrace worker`."""

from __future__ import annotations

import os
import sys

import click

from agents import worker
from agents.cli.common import bootstrap_option, load_settings
from headrace import failpoints, logs, mutants
from headrace.loading import load_attach, load_pipeline


@click.command("worker")
@click.argument("target")
@bootstrap_option
@click.option("--http-host", help="Address of /live, /ready and /metrics. Default: 127.0.0.1.")
@click.option("--http-port", type=click.IntRange(0, 65535), help="Its port; 0 takes any. Default: 8088.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="The least that is logged. Default: info.",
)
def command(
    target: str,
    bootstrap: str | None,
    http_host: str | None,
    http_port: int | None,
    log_level: str | None,
) -> None:
    """Run one worker of the pipeline TARGET in this process.

    TARGET is a module (pipelines.fraud), a file (pipelines/fraud.py) or either with :name. Start the command
    several times: the workers share the partitions. A function attach(app) beside the pipeline gets the
    worker's Faust app, for Faust agents of your own.

    \b
    Example:
      headrace worker pipelines.fraud --http-port 0
    """
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Some models iterate over sets: replay is exact only with one hash seed everywhere.
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, "-m", "headrace", *sys.argv[1:]])  # noqa: S606
    settings = load_settings(bootstrap, http_host=http_host, http_port=http_port, log_level=log_level)
    logs.configure(settings.log_level)
    failpoints.arm(os.environ, settings.environment)
    mutants.arm(os.environ, settings.environment)
    worker.run(load_pipeline(target), settings, target=target, attach=load_attach(target))
