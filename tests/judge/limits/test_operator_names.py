from ai_edge_litert.schema_py_generated import BuiltinOperator

from pytest_modelbudget.judge.limits.operator_names import BUILTIN_OPERATORS

NOT_OPERATORS = {"CUSTOM", "DELEGATE", "PLACEHOLDER_FOR_GREATER_OP_CODES"}


def test_every_operator_of_litert_is_known() -> None:
    codes = {name for name in vars(BuiltinOperator) if not name.startswith("_")}
    assert codes - NOT_OPERATORS == BUILTIN_OPERATORS
