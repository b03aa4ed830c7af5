"""Where the bytes of an artifact are."""
