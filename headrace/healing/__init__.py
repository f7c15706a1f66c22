"""Models that fail and come back: checkpoints, learning again without the poison, and who stands in."""
