"""Card payments whose frauds change their ways: a team of models, one of them sabotaged, and a challenger."""
