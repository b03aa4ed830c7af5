"""Moves models of Keras 3 to tf_keras, the only Keras that tfmot supports.

``move`` walks the graph, ``twins`` creates a layer of the same class in tf_keras, ``hosted`` runs a
layer that tf_keras does not have, ``parity`` verifies that the outputs are equal.
"""

from pytest_modelbudget.workers.compress.keras3.move import to_tf_keras

__all__ = ["to_tf_keras"]
