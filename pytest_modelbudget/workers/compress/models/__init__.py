"""Keras models: loaded, rebuilt, compiled."""
