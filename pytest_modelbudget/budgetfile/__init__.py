"""Reads a budget file into typed budgets, or reports every mistake at once."""
