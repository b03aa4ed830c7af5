from pytest_modelbudget.judge.results.quantization import FloatWeights, Quantization


def floats(*sizes: int, dtype: str = "float32") -> tuple[FloatWeights, ...]:
    return tuple(
        FloatWeights(layer=f"layer{number}", dtype=dtype, size_bytes=size)
        for number, size in enumerate(sizes)
    )


def test_a_model_without_float_weights_is_described_by_its_quantizer() -> None:
    described = Quantization(backend="litert", left_float=())
    assert described.float_bytes == 0
    assert described.summary() == "quantized by the LiteRT quantizer"


def test_float_weights_are_named_with_their_bytes() -> None:
    described = Quantization(backend="converter", left_float=floats(12288, 40))
    assert described.float_bytes == 12328
    assert described.summary() == (
        "quantized by TensorFlow's converter; 12,328 B of weights stay float32: layer0 12,288 B, "
        "layer1 40 B"
    )


def test_only_the_largest_are_named() -> None:
    mixed = (*floats(50, 40), *floats(30, 20, 10, dtype="float16"))
    assert Quantization(backend="litert", left_float=mixed, rejected="why not").summary() == (
        "quantized by the LiteRT quantizer; 150 B of weights stay float32 and float16: "
        "layer0 50 B, layer1 40 B, layer0 30 B, and 2 more; why not"
    )
