"""Write docs/openapi.json: `python -m api.openapi_file [FILE]`. A test holds the file to what the API serves."""

import sys
from pathlib import Path

from api.app import create_app
from models.settings import Settings

DEFAULT = Path(__file__).parents[1] / "docs" / "openapi.json"


def write_description(file: Path) -> None:
    """Write the description of the API, as /openapi.json has it. Needs no database."""
    # Nothing connects: the addresses only have to be there.
    app = create_app(Settings(database_url="postgresql://nobody@127.0.0.1:9/none", secret_key="none"))  # noqa: S106
    file.write_text(app.test_client().get("/openapi.json").get_data(as_text=True) + "\n")


if __name__ == "__main__":
    write_description(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT)
