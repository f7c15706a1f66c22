"""How good a pipeline's models are: prequential metrics, beside baselines, in windows and segments."""
