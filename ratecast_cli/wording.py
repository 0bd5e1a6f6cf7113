"""Numbers with their nouns."""


def counted(number: int, noun: str) -> str:
    """Returns a number and its noun, in the plural unless the number is 1.

    >>> counted(1, "message"), counted(1200, "message"), counted(0, "pair")
    ('1 message', '1,200 messages', '0 pairs')
    """
    return f"{number:,} {noun if number == 1 else f'{noun}s'}"
