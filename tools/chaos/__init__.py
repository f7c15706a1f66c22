"""Chaos on purpose: real workers on a real Kafka, killed, paused and cut off, and a judge at the end."""

from __future__ import annotations
