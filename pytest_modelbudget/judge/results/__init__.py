"""The results of worker processes, exchanged as JSON."""
