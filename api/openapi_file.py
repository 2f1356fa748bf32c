"""Write docs/openapi.json: `python -m api.openapi_file [FILE]`. A test holds the file to what the API serves."""

import json
import sys
from pathlib import Path

from api.app import create_app
from api.documentation.describe import Document
from models.settings import Settings

DEFAULT = Path(__file__).parents[1] / "docs" / "openapi.json"


def read_description() -> Document:
    """The description of the API, as /openapi.json has it. Needs no database."""
    # Nothing connects: the addresses only have to be there.
    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:9/none", secret_key="none"))  # noqa: S106
    description: Document = app.test_client().get("/openapi.json").get_json()
    return description


def write_description(file: Path) -> None:
    """Write it, a line for each value."""
    file.write_text(json.dumps(read_description(), indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    write_description(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
