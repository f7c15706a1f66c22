"""The demo: real flights through a real Kafka, and what headrace makes of them."""

from __future__ import annotations
