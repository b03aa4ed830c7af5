"""Measurements of this project itself; each compares within one run. See README.md."""
