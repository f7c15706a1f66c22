"""Snapshots: a state as sealed bytes, and back. Nothing here knows Kafka."""
