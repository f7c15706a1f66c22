"""How events of headrace travel: Kafka and Faust. Nothing here knows what a model is."""
