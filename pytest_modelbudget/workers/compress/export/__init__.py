"""What TensorFlow serves: SavedModels and ``.keras`` files, without what a server skips."""
