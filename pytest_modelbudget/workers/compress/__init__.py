"""The world of TensorFlow: from a model and a recipe to a ``.tflite``."""
