"""What processes share: jobs, events, and the store."""
