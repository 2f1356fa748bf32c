"""CSV that a spreadsheet may open: no cell of it is taken for a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from flask import Response

# OWASP, "CSV Injection": a cell that begins with one of these is a formula, or becomes one. Where lists are separated
# by semicolons, as in most of Europe, Excel begins a cell behind each, quotes or not. Blanks before it do not help.
_FORMULA = re.compile(r"(^|[;\t\r\n])(?=\s*[=+\-@\uff0b\uff0d\uff1d\uff20]|[\t\r\n])")


def neutral_cell(value: object) -> object:
    """The value, with an apostrophe before each part of a text that a spreadsheet would calculate."""
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else value


def csv_answer(file_name: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Response:
    """A CSV file to download (RFC 4180, UTF-8)."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(header)
    writer.writerows([neutral_cell(cell) for cell in row] for row in rows)
    answer = Response(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return answer
