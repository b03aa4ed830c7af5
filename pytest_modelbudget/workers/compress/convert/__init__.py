"""From a Keras model to a ``.tflite``, and from float to integers."""
