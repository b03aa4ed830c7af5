"""From findings to verdicts: pure functions."""
