"""Checks of the ``.tflite`` that a stage wrote."""
