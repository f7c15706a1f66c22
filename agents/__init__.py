"""Who works: one file per service, and the command line. The only place that knows streams and models."""
