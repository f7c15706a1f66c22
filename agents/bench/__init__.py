"""The benchmark: headrace beside what a user would write or choose instead; `headrace bench` runs it."""
