"""The examples of the reference page, and the sample ids in them."""

from collections.abc import Iterator

from api.documentation.describe import Document, operations
from api.documentation.reference import example_requests
from api.documentation.samples import KINDS, sample_id
from api.documentation.snippets import Request

_OF_A_KIND = 3  # as many as a documented example has


def all_example_requests(document: Document) -> Iterator[tuple[str, Request]]:
    """Every request that the page shows, by operation id."""
    for path, method, operation in operations(document):
        for _, request in example_requests(document, path, method, operation):
            yield operation["operationId"], request


def sample_ids() -> dict[str, str]:
    """The kind of each id that stands for an existing thing in requests."""
    return {sample_id(kind, number): kind for kind in KINDS for number in range(_OF_A_KIND)}
