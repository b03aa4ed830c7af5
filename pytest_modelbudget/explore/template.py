"""A budget file that explains itself, for those who begin without a model."""

TEMPLATE = """\
# A budget file: limits for one model, each of which is a test of pytest.
# Change the values below, then run:
#
#   modelbudget check                 finds mistakes without running anything
#   pytest --budget-measure           measures everything and judges nothing
#   pytest                            builds, measures and judges
#
# Or let `modelbudget init model.keras --test test.npz` measure your model and write this file.
version: 1

# A path relative to this file (.keras, .h5, .tflite, a SavedModel folder), or a function that
# returns a Keras model, as package.module:function.
model: ../model.keras

# Each is an .npz with the arrays x and y, or a function that returns (x, y), a tf.data.Dataset or
# batches.
data:
  test: ../test.npz           # for limits of the accuracy
  calibration: ../train.npz   # for int8: samples like the real inputs
  # train: ../train.npz       # for recipes that train, such as prune and qat

# accuracy, {top_k_accuracy: {k: 5}}, auc, f1, mae, mse, or package.module:function
metric: accuracy

# Each variant is one recipe for the model. `modelbudget recipes` prints the presets.
variants:
  int8:
    recipe: int8
    budget:
      max_bytes: 500 kB           # the .tflite
      max_accuracy_drop: 1 pp     # percentage points below the float model
      max_latency_ratio: 1.0      # not slower than the float model, on any machine
  small:
    recipe: dynamic
    budget:
      max_gzip_bytes: 400 kB      # as an app store or a web server sends it
      min_accuracy: 0.9
"""
