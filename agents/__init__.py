"""The agents of headrace: one file per service, and the command line. Knows both streams and models."""
