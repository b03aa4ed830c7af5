"""The latency of a ``.tflite`` on this machine."""
