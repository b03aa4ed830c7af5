"""Lets sums and differences of 16 bits have any scales.

In a flatbuffer, ``pot_scale_int16`` of ADD and SUB is true unless it is written. LiteRT then uses
kernels for scales that are powers of two where all scales are close to one, and they do not run
where the result has a finer scale than an operand. TensorFlow's converter writes false; the LiteRT
quantizer leaves the default.
"""

from ai_edge_litert.tools.flatbuffer_utils import ModelT

from pytest_modelbudget.workers.tflite.tflite_file import operators, tensor_type


def allow_any_scales(model: ModelT) -> None:
    """Make sums and differences of 16 bits use LiteRT's general kernels, in place."""
    for operator, graph in operators(model):
        is_power_of_two = getattr(operator.builtinOptions, "potScaleInt16", False)
        if is_power_of_two and tensor_type(graph.tensors[operator.outputs[0]]) == "int16":
            operator.builtinOptions.potScaleInt16 = False
