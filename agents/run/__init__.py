"""`headrace run`: the workers of one host as a service, without a terminal."""

from __future__ import annotations
