"""A declaration to vary: what a test leaves out is valid."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from river import (
    naive_bayes,
)

from headrace import DeclarationError, Event, Pipeline, Topic


class Payment(Event):
    amount: float
    age: float = 0.0
    is_fraud: bool | None = None


SOURCE = Topic("payments", Payment, key="id")


def declare(**arguments: Any) -> Pipeline:
    """Declare a valid pipeline but for *arguments*."""
    wanted: dict[str, Any] = {
        "name": "fraud",
        "source": SOURCE,
        "models": naive_bayes.GaussianNB,
        "target": "is_fraud",
    }
    wanted |= arguments
    return Pipeline(wanted.pop("name"), **wanted)


def fault_of(**arguments: Any) -> DeclarationError:
    with pytest.raises(DeclarationError) as caught:
        declare(**arguments)
    return caught.value


def source_of(*fields: Any, name: str = "payments", **options: Any) -> Topic:
    return Topic(name, msgspec.defstruct("Odd", [("id", str), ("is_fraud", bool), *fields]), **options)
