"""The reference case: the CNN of the usual pruning tutorial under every recipe.

Run ``pytest benchmarks/reference`` for the gate, ``python -m benchmarks.reference`` for its table.
"""
