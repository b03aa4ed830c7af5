import pytest

from tests.budgetfile.conftest import Load, Problems

HEAD = "version: 1\nmodel: a:b\n"


def test_aliases_and_merge_keys_are_expanded_and_own_keys_win(load_text: Load) -> None:
    [one, two] = load_text(
        HEAD
        + """\
variants:
  one: &one
    recipe: &recipe [convert]
    budget: &limits {max_bytes: 5, max_macs: 7}
  two:
    <<: *one
    recipe: *recipe
    budget: {<<: *limits, max_bytes: 6}
"""
    )
    assert {limit.name: limit.bound for limit in one.limits} == {"max_bytes": 5, "max_macs": 7}
    assert {limit.name: limit.bound for limit in two.limits} == {"max_bytes": 6, "max_macs": 7}
    assert one.recipe[0].stage == two.recipe[0].stage


@pytest.mark.parametrize(("form", "levels"), [("*k{}", 40), ("[*k{}]", 20)])
def test_mappings_may_merge_others_that_merge_others(
    load_text: Load, form: str, levels: int
) -> None:
    merges = [
        f"k{i}: &k{i} {{<<: {form.format(i - 1)}, own{i}: {i}}}" for i in range(1, levels + 1)
    ]
    arguments = ", ".join(["k0: &k0 {own0: 0}", *merges])
    [budget] = load_text(f"{HEAD}recipe: [a:b: {{{arguments}}}]\nbudget: {{max_bytes: 5}}\n")
    last = budget.recipe[0].stage.model_dump()["args"][f"k{levels}"]
    assert last == {f"own{i}": i for i in range(levels + 1)}


def test_a_mapping_may_merge_several(load_text: Load) -> None:
    merged = "{<<: {x: 1, y: 1}, <<: {y: 2, z: 2}, z: 3}"
    [budget] = load_text(f"{HEAD}recipe: [a:b: {merged}]\nbudget: {{max_bytes: 5}}\n")
    assert budget.recipe[0].stage.model_dump()["args"] == {"x": 1, "y": 2, "z": 3}


TABLE = [
    ("seed: 1\nseed: 2\n", ["4:1: the key 'seed' appears twice; it is already on line 3"]),
    (
        "budget: {max_bytes: 1, max_bytes: 2}\n",
        ["3:24: budget: the key 'max_bytes' appears twice; it is already on line 3"],
    ),
    ("1: x\n", ['3:1: a key must be text, got 1; write "1"']),
    (
        "training:\n  batch_size: 1\ntraining: {}\n",
        ["5:1: the key 'training' appears twice; it is already on line 3"],
    ),
    ("?\n: x\n", ['3:2: a key must be text, got nothing; write ""']),
    (
        "variants: {a: {<<: {1: x}}}\n",
        ['3:21: variants > a: a key must be text, got 1; write "1"'],
    ),
    (
        "variants: {a: {<<: [{1: x}]}}\n",
        ['3:22: variants > a: a key must be text, got 1; write "1"'],
    ),
    ("? [a]\n: x\n", ["3:3: a key must be text"]),
    (
        "seed: !!python/object:os.system x\n",
        ["3:7: seed: unknown tag '!!python/object:os.system'; leave it out: values need no tag"],
    ),
    (
        "data: !!set {a, b}\n",
        ["3:7: data: unknown tag '!!set'; leave it out: values need no tag"],
    ),
    (
        "imports: !mine [a]\n",
        ["3:10: imports: unknown tag '!mine'; leave it out: values need no tag"],
    ),
    ("confidence: .nan\n", ["3:13: confidence: expected a finite number, got .nan"]),
    ("confidence: 1e999\n", ["3:13: confidence: expected a finite number, got 1e999"]),
    ("<<: 5\n", ["3:5: `<<` merges a mapping or a list of them"]),
]


@pytest.mark.parametrize(("line", "expected"), TABLE)
def test_what_yaml_allows_and_a_budget_file_does_not(
    problems: Problems, line: str, expected: list[str]
) -> None:
    budget = "" if "budget" in line else "budget: {max_bytes: 5}\n"
    found = problems(HEAD + line + budget)
    assert found[: len(expected)] == expected


def test_scalars_are_read_by_the_core_schema(load_text: Load) -> None:
    [budget] = load_text(
        HEAD
        + """\
recipe:
  - a:b: {on: on, yes: yes, date: 2020-01-01, ratio: 2:4, small: 1e-3, octal: 0o17, hex: 0xff,
          none: ~, flag: TRUE, text: "5", sign: +3, zeros: 007}
budget: {max_bytes: 5}
"""
    )
    assert budget.recipe[0].stage.model_dump()["args"] == {
        "on": "on",
        "yes": "yes",
        "date": "2020-01-01",
        "ratio": "2:4",
        "small": 0.001,
        "octal": 15,
        "hex": 255,
        "none": None,
        "flag": True,
        "text": "5",
        "sign": 3,
        "zeros": 7,
    }
