"""The world of LiteRT: from a ``.tflite`` to numbers."""
