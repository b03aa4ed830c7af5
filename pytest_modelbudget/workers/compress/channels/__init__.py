"""Structured pruning: traces the channels of a model, ranks them, and rebuilds it with fewer."""
