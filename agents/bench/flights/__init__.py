"""The benchmark of the flights: a worker on Kafka beside a loop by hand that does the same in memory."""
