from tools.lowest_versions import constraints, required

PYPROJECT = """
[project]
dependencies = ["numpy>=1.26,<3", "quantizer==0.1", "model-opt~=0.8.1", "setuptools"]
[project.optional-dependencies]
dev = ["project[fast]", "check[fast]>=6.100"]
"""


def test_each_lower_bound_is_a_constraint() -> None:
    found = list(constraints(required(PYPROJECT)))
    assert found == ["numpy==1.26.*", "model-opt==0.8.1.*", "check==6.100.*"]
