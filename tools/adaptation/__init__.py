"""How well policies of drift do, against a known truth and against river's own."""
