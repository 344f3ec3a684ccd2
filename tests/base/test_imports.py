"""What is imported in such a block finds some packages absent; nothing else does."""

import gc
import sys

import pytest

from stages.base.imports import skip_imports


@pytest.fixture(autouse=True)
def packages(tmp_path, monkeypatch):
    """Make `lent` importable, and `lender`, which imports `lent` if it can."""
    (tmp_path / "lent.py").touch()
    (tmp_path / "lender.py").write_text("try:\n    import lent\nexcept ImportError:\n    lent = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("lent", "lender"):
        sys.modules.pop(name, None)


def test_a_package_is_absent_in_the_block_alone():
    with skip_imports("lent"):
        import lender
    assert lender.lent is None
    import lent

    assert gc.isenabled()
    sys.modules.pop("lender")
    with skip_imports("lent"):  # it is imported already
        import lender
    assert lender.lent is sys.modules["lent"] is lent


def test_an_import_that_fails_leaves_all_as_it_was():
    with pytest.raises(ModuleNotFoundError), skip_imports("lent"):
        import lent  # noqa: F401
    assert "lent" not in sys.modules
    assert gc.isenabled()
