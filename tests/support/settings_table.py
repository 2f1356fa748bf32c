"""docs/settings.md is the class Settings as a table: `python -m tests.support.settings_table` writes it anew."""

from pathlib import Path

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from models.settings import Settings

PAGE = Path(__file__).parents[2] / "docs" / "settings.md"
_BEGIN, _END = "<!-- the table begins -->\n", "<!-- the table ends -->\n"


def _type(field: FieldInfo) -> str:
    """`int`, `text`, `path` …, with the limits that are checked."""
    name = str(field.annotation).removeprefix("<class '").removesuffix("'>")
    for part, shown in (
        ("pydantic.types.", ""),
        ("pathlib.", ""),
        ("_local.", ""),
        (" | None", ""),
        ("SecretStr", "secret"),
        ("Path", "path"),
        ("str", "text"),
        ("float", "number"),
    ):
        name = name.replace(part, shown)
    limits = {
        word: value
        for limit in field.metadata
        for word in ("ge", "gt", "le", "min_length")
        if (value := getattr(limit, word, None)) is not None
    }
    match limits:
        case {"min_length": letters}:
            return f"{name}, {letters} letters"
        case {"ge": least, "le": most}:
            return f"{name}, {least} to {most}"
        case {"ge": least}:
            return f"{name}, {least} or more"
        case {"gt": least}:
            return f"{name}, more than {least}"
    return name


def _default(name: str, field: FieldInfo) -> str:
    if field.default is None:
        return ""
    assert field.default is not PydanticUndefined, f"{name} has no default."
    return f"`{field.default:g}`" if isinstance(field.default, float) else f"`{field.default}`"


def table() -> str:
    """The table, as Markdown."""
    lines = ["| variable | value | default | meaning |", "|---|---|---|---|"]
    for name, field in Settings.model_fields.items():
        meaning = (field.description or "").replace("|", "\\|")
        lines.append(f"| `EXOSEND_{name.upper()}` | {_type(field)} | {_default(name, field)} | {meaning} |")
    return "\n".join(lines) + "\n"


def with_table(page: str) -> str:
    """The page with the table as it should be."""
    before, rest = page.split(_BEGIN)
    _, after = rest.split(_END)
    return f"{before}{_BEGIN}\n{table()}\n{_END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text()))
