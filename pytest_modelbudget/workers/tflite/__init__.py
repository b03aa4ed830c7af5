"""Tools on a ``.tflite``, shared by what builds and what measures."""
