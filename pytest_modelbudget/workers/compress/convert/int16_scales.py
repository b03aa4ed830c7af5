"""Lets sums and differences of 16 bits have any scales.

In a flatbuffer, ``pot_scale_int16`` of ADD and SUB is true unless it is written. LiteRT then uses
kernels for scales that are powers of two where all scales are close to one, and they do not run
where the result has a finer scale than an operand. TensorFlow's converter writes false; the LiteRT
quantizer leaves the default.
"""

from pytest_modelbudget.workers.tflite.tflite_file import operators, pack, parse, tensor_type


def with_general_scales(model: bytes) -> bytes:
    """Return a ``.tflite`` whose sums and differences of 16 bits use LiteRT's general kernels."""
    parsed = parse(model)
    options = [
        operator.builtinOptions
        for operator, graph in operators(parsed)
        if getattr(operator.builtinOptions, "potScaleInt16", False)
        and tensor_type(graph.tensors[operator.outputs[0]]) == "int16"
    ]
    for each in options:
        each.potScaleInt16 = False
    return pack(parsed) if options else model
