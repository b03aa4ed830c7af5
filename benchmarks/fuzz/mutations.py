"""Mutations of texts and of bytes, all from one random generator, so that each can be repeated."""

import ast
import re
from collections.abc import Sequence
from pathlib import Path
from random import Random

ROOT = Path(__file__).parents[2]
NUMBER_OR_WORD = re.compile(r"[\w.+-]+|[^\w\s]")
# What readers of YAML, JSON and numbers with units get wrong.
TOKENS = (
    *("0", "-1", "1e999", "-0.0", "NaN", ".nan", ".inf", "1e-400", "0x1F", "0o17", "1_000"),
    *("9" * 40, "1" * 5000, "null", "~", "true", "no", "2020-01-01", "[]", "{}", "[[]]", "{a: {}}"),
    *("''", '""', "' '", "'\\'", '"\\u0000"', "&a", "*a", "<<: *a", "<<", "? a", "!!binary aGk="),
    *("!!python/object:os.system", "!!set {a}", "!x y", "%YAML 1.2", "---", "...", "#", "|", ">"),
    *("1 pp", "5 kB", "1 YB", "100%", "2 s", "-3 ms", "1e400 s", "1/2", "KiB", "é", "\U0001f4a5"),
    *("\ufeff", "\u2028", "\x00", "\x7f", "\ud7ff", "a" * 3000, "[" * 60, "{a: " * 60, "\t", "\r"),
    *("..", "/", "../..", "a:b", "a:b:c", ":", "a.b:c.d", "*", "**", "[a-", "~root", "variants"),
    *("recipe", "budget", "model", "call", "args", "prune", "quantize", "int8", "layers", "skip"),
)


def budget_texts() -> list[str]:
    """Return the budget files of the repository, and those that its tests write."""
    texts = [file.read_text() for file in sorted(ROOT.glob("*/**/*.budget.yaml"))]
    for file in sorted((ROOT / "tests").rglob("*.py")):
        nodes = ast.walk(ast.parse(file.read_text()))
        words = [str(node.value) for node in nodes if isinstance(node, ast.Constant)]
        texts += [text for text in words if "version: 1\n" in text]
    return list(dict.fromkeys(texts))


def mutate_text(text: str, others: Sequence[str], random: Random) -> bytes:
    """Change a text in one to six places: words, lines, indentation, and at last bytes."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        text = random.choice((*[_replace_word] * 5, _insert, *[_change_lines] * 2, _splice))(
            text, others, random
        )
    content = text.encode(errors="surrogatepass")
    return mutate_bytes(content, random) if random.random() < 0.1 else content


def mutate_bytes(content: bytes, random: Random, *, moves: bool = True) -> bytes:
    """Change bytes in one to eight places: bits, integers, pieces.

    Args:
        content: Any bytes.
        random: Where the choices come from.
        moves: Whether bytes behind a change may move, after which few files can be read.
    """
    changed = bytearray(content or b"0")
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        place = random.randrange(len(changed))
        piece = slice(place, place + random.choice((1, 1, 2, 4, 8, 64)))
        length = len(changed[piece])
        match random.randrange(7 if moves else 4):
            case 0:
                changed[place] ^= 1 << random.randrange(8)
            case 1:
                changed[piece] = random.randbytes(length)
            case 2:
                # The offsets, sizes and enumerations of a flatbuffer are little-endian integers.
                start = min(place - place % 4, max(len(changed) - 4, 0))
                number = random.choice((0, 1, 2, 9, -1, 127, 128, 255, 2**16, 2**31 - 1, -(2**31)))
                changed[start : start + 4] = (number % 2**32).to_bytes(4, "little")
            case 3:
                start = random.randrange(len(changed) - length + 1)
                changed[piece] = changed[start : start + length]
            case 4:
                changed[piece] = b""
            case 5:
                changed[place:place] = changed[piece]
            case 6:
                changed[place:] = changed[place:] if random.random() < 0.8 else b""
        changed = changed or bytearray(b"0")
    return bytes(changed)


def _replace_word(text: str, others: Sequence[str], random: Random) -> str:
    words = list(NUMBER_OR_WORD.finditer(text))
    if not words:
        return random.choice(others)
    word, other = random.choice(words), random.choice(words)[0]
    new = random.choice((random.choice(TOKENS), other, word[0] * 2, word[0][:-1], word[0].upper()))
    return text[: word.start()] + new + text[word.end() :]


def _insert(text: str, _others: Sequence[str], random: Random) -> str:
    place = random.randint(0, len(text))
    return text[:place] + random.choice((" ", "\n", ": ", "- ", *TOKENS)) + text[place:]


def _change_lines(text: str, _others: Sequence[str], random: Random) -> str:
    lines = text.splitlines(keepends=True) or [""]
    one, two = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(5):
        case 0:
            lines[one], lines[two] = lines[two], lines[one]
        case 1:
            del lines[one]
        case 2:
            lines.insert(one, lines[two])
        case 3:
            lines[one] = "  " * random.randint(1, 2) + lines[one]
        case _:
            lines[one] = lines[one].removeprefix("  ")
    return "".join(lines)


def _splice(text: str, others: Sequence[str], random: Random) -> str:
    other = random.choice(others)
    start, end = sorted(random.randint(0, len(other)) for _ in range(2))
    place = random.randint(0, len(text))
    return text[:place] + other[start : min(end, start + 500)] + text[place:]
