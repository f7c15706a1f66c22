"""What learns: river models, how they are asked, checked and combined. Nothing here knows Kafka."""
