"""The score of a ``.tflite``, and its confidence intervals."""
