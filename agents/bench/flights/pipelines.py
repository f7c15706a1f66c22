"""The flights' pipeline under the name that the environment gives, so that runs do not share topics."""

from __future__ import annotations

import os

from agents.flights.pipeline import NAME, build

NAME_VARIABLE = "HEADRACE_BENCH_NAME"
TARGET = "agents.bench.flights.pipelines"

pipeline = build(os.environ.get(NAME_VARIABLE, NAME))
