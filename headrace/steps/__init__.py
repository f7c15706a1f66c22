"""Steps: models that depend on each other, in the order in which they work on an event."""
