"""From a budget file to typed budgets, with every mistake found at once."""
