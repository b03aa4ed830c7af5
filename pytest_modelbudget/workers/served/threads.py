"""How many threads TensorFlow uses in this process."""

import tensorflow as tf


def use_threads(threads: int) -> None:
    """Let TensorFlow run each operator in ``threads`` threads, and one operator at a time.

    It must be called before TensorFlow runs anything.
    """
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
