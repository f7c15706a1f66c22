"""`headrace run`."""

from __future__ import annotations

from pathlib import Path

import click

from agents.cli.common import bootstrap_option, load_settings
from agents.interrupts import Interrupts
from agents.run.service import Options, Service
from headrace import logs
from headrace.loading import load_pipeline


@click.command("run")
@click.argument("target")
@click.option("-n", "--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="How many.")
@bootstrap_option
@click.option("--static", is_flag=True, help="Fixed members: a rolling restart moves no partition.")
@click.option("--log-files", is_flag=True, help="Workers log into files below data_dir, not to stderr.")
@click.option("--http-host", help="Address of /live, /ready and /metrics. Default: 127.0.0.1.")
@click.option(
    "--http-port",
    type=click.IntRange(0, 65535 - 64),
    help="Port of the first worker, the next one has the next; 0 takes any. Default: 8088.",
)
@click.pass_context
def command(
    ctx: click.Context,
    target: str,
    workers: int,
    bootstrap: str | None,
    static: bool,
    log_files: bool,
    http_host: str | None,
    http_port: int | None,
) -> None:
    """Keep workers of TARGET running on this host, as a service.

    Starts workers and starts again those that die, ever later; one that dies 5 times within a minute, or
    without joining its group, ends all of them with exit code 1. SIGTERM and SIGINT end all in order. SIGHUP
    restarts one worker after another, each when the one before is ready. Needs no terminal: log lines go to
    standard error.

    \b
    Example:
      headrace run pipelines.fraud -n 4
      headrace run pipelines.fraud -n 4 --static --bootstrap kafka:9092
    """
    settings = load_settings(bootstrap, http_host=http_host, http_port=http_port)
    logs.configure(settings.log_level)
    with Interrupts() as interrupts:
        try:
            pipeline = load_pipeline(target)
        except KeyboardInterrupt:
            ctx.exit(128 + (interrupts.number or 0))
        log_dir = Path(settings.data_dir) / "logs" / pipeline.name if log_files else None
        options = Options(target, workers, settings, log_dir, static)
        ctx.exit(Service(pipeline, options, interrupts).run())
