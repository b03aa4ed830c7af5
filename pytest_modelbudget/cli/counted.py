"""Numbers with their noun."""


def counted(number: int, noun: str) -> str:
    """Return the number with the singular or plural of ``noun``, such as ``2 entries``."""
    plural = f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"
    return f"{number} {noun if number == 1 else plural}"
