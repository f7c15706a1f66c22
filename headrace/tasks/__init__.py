"""Which model works where: pure decisions, no input or output."""
