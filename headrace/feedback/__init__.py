"""Feedback on answers: bandits, ratings and corrections that teach; questions worth asking."""
