"""Three small models of handwritten digits, gated by the files in ``budgets/``."""
