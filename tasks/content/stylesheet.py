"""One <style> block taken apart: rules that can become style attributes, and rules that only a <style> can hold.

premailer drops what its parser does not know, `:is()`, `@supports`, `rgb(0 0 0 / 50%)`, without a word. So it
gets simple rules only, with a word in the place of each value it would not read (`StyleWords`), and what must stay in
a <style> never passes through it.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import cssutils
import tinycss2
from cssselect import GenericTranslator, SelectorError

#: At-rules whose rules style elements: they need !important to win over the style attributes made from other rules.
_GROUPS = frozenset({"media", "supports", "layer", "container", "scope", "starting-style"})
_STYLE_ATTRIBUTE = re.compile(
    r"""(?P<name>\sstyle\s*=\s*)(?P<quote>["'])(?P<css>.*?)(?P=quote)""", re.DOTALL | re.IGNORECASE
)
#: What premailer repeats as an attribute; there a modern value would be read as nonsense.
_COPIED = "align|valign|bgcolor|width|height"


@dataclass
class StyleWords:
    """Words in the place of values that premailer cannot read; `mark` begins and ends each, and is nowhere else."""

    mark: str
    values: list[str] = field(default_factory=list)

    def word_for(self, value: str) -> str:
        """A word that stands for `value` until `put_back`."""
        self.values.append(value)
        return f"{self.mark}s{len(self.values) - 1}{self.mark}"

    def put_back(self, document: str) -> str:
        """The document with the values again, all of which stand in style attributes."""
        word = f"{self.mark}s([0-9]+){self.mark}"
        document = re.sub(f' (?:{_COPIED})="[^"]*{word}[^"]*"', "", document)
        return re.sub(word, lambda match: html.escape(self.values[int(match[1])]), document)


@dataclass(frozen=True, slots=True)
class SplitSheet:
    """`inline` for premailer, `kept` for a <style>; `selectors` counts those to be inlined."""

    inline: str
    kept: str
    selectors: int


def split_stylesheet(css: str, words: StyleWords) -> SplitSheet:
    """Take a stylesheet apart. Broken rules are dropped, as every reader does."""
    inline: list[str] = []
    kept: list[str] = []
    count = 0
    for rule in tinycss2.parse_stylesheet(css, skip_comments=True, skip_whitespace=True):
        if rule.type == "at-rule":
            kept.append(_kept_at_rule(rule))
        elif rule.type == "qualified-rule":
            selectors = _selectors(rule.prelude)
            is_simple = {selector: _is_simple(selector) for selector in selectors}
            simple = [selector for selector in selectors if is_simple[selector]]
            others = [selector for selector in selectors if not is_simple[selector]]
            declarations, nested = _contents(rule.content)
            if simple and declarations:
                count += len(simple)
                inline.append(f"{','.join(simple)}{{{_readable(declarations, words)}}}")
            if simple and nested:
                kept.append(f"{','.join(simple)}{{{_kept_rules(nested)}}}")
            if others:
                kept.append(_kept_rule(",".join(others), rule.content))
    return SplitSheet("\n".join(inline), "\n".join(kept), count)


def protect_style_attributes(document: str, words: StyleWords) -> str:
    """The document with words for the values that premailer would drop from style attributes."""

    def protect(match: re.Match[str]) -> str:
        css = html.unescape(match["css"])
        declarations, _ = _contents(tinycss2.parse_component_value_list(css))
        if all(_is_readable(declaration) for declaration in declarations):
            return match[0]
        return f'{match["name"]}"{html.escape(_readable(declarations, words))}"'

    return _STYLE_ATTRIBUTE.sub(protect, document)


def _selectors(prelude: Sequence[Any]) -> list[str]:
    groups: list[list[Any]] = [[]]
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            groups.append([])
        elif token.type != "comment":
            groups[-1].append(token)
    return [text for group in groups if (text := tinycss2.serialize(group).strip())]


def _is_simple(selector: str) -> bool:
    # premailer leaves out rules with "*", and puts those with ":" into a <style>, losing their modern values.
    if any(sign in selector for sign in ":*&|,"):
        return False
    try:
        GenericTranslator().css_to_xpath(selector)
    except SelectorError:
        return False
    return True


def _contents(content: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """A rule's declarations, and the rules nested in it."""
    nodes = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    declarations = [node for node in nodes if node.type == "declaration"]
    return declarations, [node for node in nodes if node.type in ("qualified-rule", "at-rule")]


def _is_readable(declaration: Any) -> bool:
    """Whether premailer's CSS parser keeps a declaration."""
    text = f"{declaration.name}:{tinycss2.serialize(declaration.value)}"
    return len(cssutils.parseStyle(text, validate=False).keys()) == 1


def _readable(declarations: Sequence[Any], words: StyleWords) -> str:
    """Declarations with words for values that premailer cannot read.

    `color: red; color: rgb(0 0 0 / 50%)` is one value with its fallback: premailer would keep only the last.
    """
    written: dict[str, tuple[str, bool]] = {}
    for declaration in declarations:
        value = tinycss2.serialize(declaration.value).strip()
        modern = not _is_readable(declaration)
        before = written.pop(declaration.name, None)
        if before and (modern or "(" in value) and before[1] == declaration.important:
            value = f"{before[0]}{' !important' if before[1] else ''};{declaration.name}:{value}"
        written[declaration.name] = (value, declaration.important)
    lines = []
    for name, (value, important) in written.items():
        text = f"{name}:{value}"
        readable = ";" not in value and len(cssutils.parseStyle(text, validate=False).keys()) == 1
        lines.append(f"{name}:{value if readable else words.word_for(value)}{' !important' if important else ''}")
    return ";".join(lines)


def _kept_at_rule(rule: Any) -> str:
    if rule.content is None or rule.lower_at_keyword not in _GROUPS:
        return str(tinycss2.serialize([rule]))
    rules = tinycss2.parse_blocks_contents(rule.content, skip_comments=True, skip_whitespace=True)
    return f"@{rule.at_keyword}{tinycss2.serialize(rule.prelude)}{{{_kept_rules(rules)}}}"


def _kept_rules(nodes: Sequence[Any]) -> str:
    kept = []
    for node in nodes:
        if node.type == "at-rule":
            kept.append(_kept_at_rule(node))
        elif node.type == "qualified-rule":
            kept.append(_kept_rule(tinycss2.serialize(node.prelude).strip(), node.content))
        elif node.type == "declaration":
            kept.append(_important(node))
    return "\n".join(kept)


def _kept_rule(selector: str, content: Sequence[Any]) -> str:
    declarations, nested = _contents(content)
    # "*" has the least weight: with !important it would win over every style attribute.
    write = tinycss2.serialize if selector == "*" else None
    lines = [write([node]) if write else _important(node) for node in declarations]
    return f"{selector}{{{''.join(lines)}{_kept_rules(nested)}}}"


def _important(declaration: Any) -> str:
    return f"{declaration.name}:{tinycss2.serialize(declaration.value).strip()} !important;"
