"""What is imported in such a block finds some packages absent; nothing else does."""

import gc
import sys

import pytest

from stages.base.imports import skip_imports


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """`lender`, which imports `lent` where it is there, and that."""
    (tmp_path / "lent.py").write_text("")
    (tmp_path / "lender.py").write_text("try:\n    import lent\nexcept ImportError:\n    lent = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("lent", "lender"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("packages")
def test_it_is_absent_in_the_block_alone():
    with skip_imports("lent", "another"):
        import lender
    assert lender.lent is None
    assert not {"lent", "another"} & set(sys.modules)
    import lent

    assert lent.__name__ == "lent"


@pytest.mark.usefixtures("packages")
def test_what_was_imported_before_stays():
    import lent

    with skip_imports("lent"):
        import lender
    assert lender.lent is lent
    assert sys.modules["lent"] is lent


@pytest.mark.usefixtures("packages")
def test_an_import_that_fails_leaves_all_as_it_was():
    with pytest.raises(ModuleNotFoundError), skip_imports("lent"):
        import lent  # noqa: F401
    assert "lent" not in sys.modules
    assert gc.isenabled()
