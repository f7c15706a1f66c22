"""How it travels: Kafka and Faust. Nothing here knows what a model is."""
