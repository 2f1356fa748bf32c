"""`exosend demo`."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from deployments.demo import run_demo

_CONTACTS = Path(__file__).parent.parent / "demo_contacts.csv"


def demo(
    *,
    data_dir: Path = Path(".exosend-demo"),
    contacts: Path = _CONTACTS,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Import contacts, send them a campaign over real SMTP, and show the numbers.

    Parameters
    ----------
    data_dir
        Folder of the demo's own stack. It stays, to be looked at with `exosend up`.
    contacts
        CSV with a column email; 20,000 made-up contacts if left out.
    as_json
        One line of JSON on stdout instead of a summary.
    """
    run_demo(data_dir=data_dir.absolute(), contacts=contacts, as_json=as_json)
