"""Mutated inputs: budget files, ``.tflite`` files, answers of targets, and stored results."""
