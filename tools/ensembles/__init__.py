"""How ways to combine models do beside their members."""
