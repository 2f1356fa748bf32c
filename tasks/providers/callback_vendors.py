"""Which vendors send callbacks: the modules of tasks/providers/vendors with a `read_callback`."""

import pkgutil
from functools import cache
from importlib import import_module
from typing import cast

from tasks.providers import vendors
from tasks.providers.callbacks import ReadsCallbacks


def reader_of(vendor: str) -> ReadsCallbacks | None:
    """The vendor's module; None: there is no such vendor, or it sends no callbacks."""
    return _modules(tuple(vendors.__path__)).get(vendor)


def calls_by_get(reader: ReadsCallbacks) -> bool:
    """Whether the vendor documents callbacks by GET, or checks an address by one: `CALLBACKS_BY_GET` of its module."""
    return bool(getattr(reader, "CALLBACKS_BY_GET", False))


@cache
def _modules(paths: tuple[str, ...]) -> dict[str, ReadsCallbacks]:
    names = [module.name for module in pkgutil.iter_modules(paths)]
    modules = {name: import_module(f"{vendors.__name__}.{name}") for name in names}
    return {name: cast(ReadsCallbacks, module) for name, module in modules.items() if hasattr(module, "read_callback")}
