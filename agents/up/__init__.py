"""`headrace up`: a Kafka, topics and workers in one terminal, for development."""

from __future__ import annotations
