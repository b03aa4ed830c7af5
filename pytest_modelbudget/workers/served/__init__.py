"""What TensorFlow itself runs for a measurement: SavedModels and ``.keras`` files."""
