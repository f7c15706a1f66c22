"""The command line that every process of this benchmark takes."""

from __future__ import annotations

import argparse
import signal


def arguments() -> argparse.Namespace:
    """Return what is asked for; the process ends for certain when its time is over."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bootstrap", default="")
    parser.add_argument("--flights", type=int, required=True)
    parser.add_argument("--records", type=int, default=0, help="how many the log will have")
    parser.add_argument("--killed", action="store_true", help="the worker writes records again")
    parser.add_argument("--no-joins", action="store_true", help="look nothing up")
    parser.add_argument("--deadline-s", type=int, required=True)
    found = parser.parse_args()
    signal.alarm(found.deadline_s)
    return found
