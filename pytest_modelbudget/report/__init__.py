"""One file for each way to show verdicts."""
