"""What may stand between the braces of a merge tag: words and signs, and what each may stand beside.

`rewrite` lets through what it knows, under flat names (`v0`, `v1`, …), so that minijinja meets no attribute, no call
and no name of its own.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

#: Characters in one tag: bounds the recursion of minijinja's parser, which a few thousand nested `not` overflow.
TAG_LENGTH_MAX = 1000

FILTERS = frozenset({"default", "d", "upper", "lower", "title", "capitalize", "trim", "urlencode", "escape", "e"})
TESTS = frozenset({"defined", "undefined"})
OPERATORS = frozenset({"and", "or", "not", "in", "is", "if", "else"})
CONSTANTS = frozenset({"true", "false", "none", "True", "False", "None"})
ORDER = frozenset({"<", "<=", ">", ">="})
EQUALITY = frozenset({"==", "!="})

_TOKEN = re.compile(
    r"""(?P<space>\s*)
    (?:(?P<end>[-+]?(?:\}\}|%\}))
      |(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
      |(?P<number>-?[0-9]{1,15}(?:\.[0-9]{1,15})?)
      |(?P<name>[^\W\d]\w*)
      |(?P<op>==|!=|<=|>=|[<>()\[\],~|.]))""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign: `kind` is string, number, name, key, op or end; `space` is what stands before it. A key's `text`
    is its dotted name."""

    kind: str
    text: str
    space: str = ""


class TagError(ValueError):
    """A source that is not in the language. `str()` names the line."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(f"Line {line}: {message}")


def read_tag(source: str, start: int, opening: str, line: int) -> tuple[list[Token], int]:
    """The tokens after the opening braces at `start`, the closing ones last, and where the text goes on."""
    closing = "}}" if opening.startswith("{{") else "%}"
    tokens: list[Token] = []
    position = start + len(opening)
    while True:
        match = _TOKEN.match(source, position, start + TAG_LENGTH_MAX)
        if match is None or (match["end"] and not match["end"].endswith(closing)):
            raise TagError(_unreadable(source, start, position), line)
        kind = match.lastgroup or ""
        tokens.append(Token(kind, match[kind], match["space"]))
        position = match.end()
        if kind == "end":
            return list(_with_keys(tokens)), position


def _unreadable(source: str, start: int, position: int) -> str:
    tag = source[start : start + 40].partition("\n")[0]
    if len(source[position:].lstrip()) + position - start > TAG_LENGTH_MAX and position - start > TAG_LENGTH_MAX - 100:
        return f"the tag {tag!r} is longer than {TAG_LENGTH_MAX} characters."
    rest = source[position:].lstrip()[:1]
    return f"the tag {tag!r} is not closed." if not rest else f"unexpected {rest!r} in the tag {tag!r}."


def _with_keys(tokens: Sequence[Token]) -> Iterator[Token]:
    """The tokens with each name and the `.name` and `["name"]` that follow it made one key."""
    index = 0
    before = ""
    while index < len(tokens):
        token = tokens[index]
        if token.kind != "name" or token.text in OPERATORS | CONSTANTS or before in ("|", "is", "is not"):
            before = "is not" if (before, token.text) == ("is", "not") else token.text
            index += 1
            yield token
            continue
        path = [token.text]
        index += 1
        while True:
            following = tokens[index : index + 3]
            if [t.text for t in following[:1]] == ["."] and following[1].kind == "name":
                path.append(following[1].text)
                index += 2
            elif [t.text for t in following[::2]] == ["[", "]"] and following[1].kind == "string":
                path.append(following[1].text[1:-1])
                index += 3
            else:
                break
        before = "key"
        yield Token("key", ".".join(path), token.space)


def plain_value(tokens: Sequence[Token]) -> tuple[str, str] | None:
    """Key and default, if the expression is just a key, or a key with a text as default."""
    if not tokens or tokens[0].kind != "key":
        return None
    rest = [token.text for token in tokens[1:]]
    if not rest:
        return tokens[0].text, ""
    # A backslash in the literal is minijinja's to read.
    if len(rest) == 5 and rest[:3] in (["|", "default", "("], ["|", "d", "("]) and rest[4] == ")":
        return (tokens[0].text, rest[3][1:-1]) if tokens[4].kind == "string" and "\\" not in rest[3] else None
    return None


def rewrite(tokens: Sequence[Token], keys: dict[str, int], line: int) -> Iterator[str]:
    """The expression for minijinja. New keys are added to `keys` with the number of their name.

    Raises TagError on any word or sign that is not allowed where it stands.
    """
    index = 0
    before = Token("op", "(")
    while index < len(tokens):
        token = tokens[index]
        if _is_comparison(tokens[index : index + 3]):
            sign, right = tokens[index + 1 : index + 3]
            yield f'{token.space}({_name(token, keys)}|compare("{sign.text}",{_name(right, keys)}))'
            index += 3
            before = right
            continue
        after = tokens[index + 1] if index + 1 < len(tokens) else Token("end", "")
        _check(token, before, after, line)
        yield token.space + _name(token, keys)
        if (before.text, token.text) != ("is", "not"):
            before = token
        index += 1


def _name(token: Token, keys: dict[str, int]) -> str:
    return f"v{keys.setdefault(token.text, len(keys))}" if token.kind == "key" else token.text


def _is_comparison(tokens: Sequence[Token]) -> bool:
    """A key compared with a value. Only == and != between texts are left to minijinja."""
    if len(tokens) < 3 or tokens[0].kind != "key" or tokens[2].kind not in ("key", "string", "number"):
        return False
    return tokens[1].text in ORDER or (tokens[1].text in EQUALITY and tokens[2].kind == "number")


def _check(token: Token, before: Token, after: Token, line: int) -> None:
    text = token.text
    if token.kind == "op":
        _check_sign(text, before, line)
    elif before.text == "|":
        if text not in FILTERS:
            raise TagError(f"there is no filter {text!r}; there are {', '.join(sorted(FILTERS))}.", line)
    elif before.text == "is" and text != "not":
        if text not in TESTS:
            raise TagError(f"'is {text}' is not available; there are is defined and is undefined.", line)
    elif token.kind == "number" and text.startswith("-") and (before.kind not in ("op", "name") or before.text in ")]"):
        raise TagError("values cannot be subtracted.", line)
    elif text == "in" and token.kind == "name" and after.kind != "string" and after.text != "[":
        raise TagError('after in there must be a list, as in ["a", "b"], or a text.', line)


def _check_sign(sign: str, before: Token, line: int) -> None:
    """`(` after a value would call it, `[` would index it, `.` would read an attribute: none of them is allowed."""
    if sign == "(":
        grouping = before.text in OPERATORS - {"in", "is"} if before.kind == "name" else before.kind == "op"
        takes_arguments = before.kind == "name" and before.text in ("default", "d")
        if not (grouping or takes_arguments) or before.text in (")", "]"):
            raise TagError("nothing can be called.", line)
    elif sign == "[" and (before.kind, before.text) != ("name", "in"):
        raise TagError('[ ] may hold a field\'s name, as in custom_fields["Home town"], or follow in.', line)
    elif sign == ".":
        raise TagError("a dot may only stand between names.", line)
    elif sign in ORDER:
        raise TagError(f"{sign} compares a field with a number, a text or another field: age {sign} 18.", line)
