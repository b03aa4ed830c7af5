"""What pytest sees: files, items, the session and its progress."""
