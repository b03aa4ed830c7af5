"""The user's code and data."""
