from pytest_modelbudget.judge.function_costs import explain_instructions
from pytest_modelbudget.judge.results.inference_costs import FunctionCost, Instructions


def instructions(functions: dict[str, int], outside: dict[str, int]) -> Instructions:
    return Instructions(
        count=sum(functions.values()),
        uncounted=100,
        functions=costs(functions),
        outside_xnnpack=costs(outside),
        valgrind="valgrind-3.19.0",
        cpu="AVX2",
    )


def costs(found: dict[str, int]) -> tuple[FunctionCost, ...]:
    return tuple(FunctionCost(name=name, instructions=own) for name, own in found.items())


ACCEPTED = instructions({"gemm": 20_000, "pool": 300, "softmax": 100}, {"SoftmaxEval": 150})


def test_the_largest_functions_and_no_line_on_what_is_not_there() -> None:
    plain = instructions({"gemm": 600, "pool": 300, "softmax": 90, "copy": 10}, {})
    shares = "gemm 60.0 %, pool 30.0 %, softmax 9.0 %"
    assert list(explain_instructions(plain, None)) == [("functions", shares)]
    assert list(explain_instructions(plain, plain)) == [("functions", shares)]


def test_what_grew_and_what_fell_back() -> None:
    measured = instructions(
        {"ConvPerChannel": 90_000, "gemm": 21_500, "pool": 300, "softmax": 90},
        {"conv::Eval": 90_500, "SoftmaxEval": 150},
    )
    assert dict(explain_instructions(measured, ACCEPTED)) == {
        "functions": "ConvPerChannel 80.4 %, gemm 19.2 %, pool 0.3 %",
        "no XNNPACK": "conv::Eval 80.8 %, SoftmaxEval 0.1 %",
        "grew": "ConvPerChannel +90,000 (new), gemm +1,500 (from 20,000)",
        "fell back": "no longer in XNNPACK: conv::Eval 80.8 %",
    }


def test_what_takes_less_is_not_named() -> None:
    smaller = instructions({"gemm": 10_000, "pool": 300}, {"SoftmaxEval": 150})
    assert [name for name, _ in explain_instructions(smaller, ACCEPTED)] == [
        "functions",
        "no XNNPACK",
    ]
