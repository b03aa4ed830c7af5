"""Moves models of Keras 3 into tf_keras, the only Keras that tfmot knows.

``move`` walks the graph, ``twins`` rebuilds a layer that tf_keras has too, ``hosted`` carries one
that it has not, ``parity`` proves that the outputs are equal.
"""

from pytest_modelbudget.workers.compress.keras3.move import to_tf_keras

__all__ = ["to_tf_keras"]
