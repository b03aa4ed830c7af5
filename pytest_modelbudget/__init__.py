"""Size, accuracy and latency budgets for LiteRT models, as pytest items."""
