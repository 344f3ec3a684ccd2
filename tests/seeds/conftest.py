from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from seeds import engine, training


@pytest.fixture
def here(prepared: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Prepared images; the engine trains in this process, which need not import TensorFlow again."""
    monkeypatch.setattr(engine, "ProcessPoolExecutor", lambda *_: ThreadPoolExecutor(1))
    training._data.cache_clear()
    return prepared
