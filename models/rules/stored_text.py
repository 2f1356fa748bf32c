"""Text of others as Postgres takes it: no type of it knows NUL, and UTF-8 no half of a character."""

REFERENCE_MAX = 320
"""Characters of a provider's reference. Longer than any has been seen, and an index of PostgreSQL takes 2,704 bytes."""


def stored_text(text: str, most: int) -> str:
    """The text without what cannot be stored, at most so many characters of it."""
    if text.isascii() and len(text) <= most and "\0" not in text:
        return text
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]
