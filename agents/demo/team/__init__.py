"""The scene of the team: models that vote, one that is sabotaged and comes back, a challenger that wins."""
