"""Labels that come later: events wait in the fold's state, bounded, until their label finds them."""

from __future__ import annotations
