"""Imports in a fraction of their time."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(*packages: str) -> Iterator[None]:
    """What is imported in the block finds these absent, as where they are not installed: it would import them for uses
    that no stage makes of it.
    """
    absent = {name: None for name in packages if name not in sys.modules}  # None makes an import fail
    sys.modules.update(absent)
    gc.disable()  # it would look through all that was imported again and again, and find nothing to free
    try:
        yield
    finally:
        gc.enable()
        gc.freeze()  # nor look through it later
        for name in absent:
            del sys.modules[name]
