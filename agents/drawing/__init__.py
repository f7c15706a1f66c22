"""Pipelines as pictures: a graph of what flows where, and how it is laid out and written down."""
