"""What is imported in such a block finds some packages absent; nothing else does."""

import gc
import sys

import pytest

from stages.base.imports import skip_imports


def test_a_package_is_absent_in_the_block_alone(tmp_path, monkeypatch):
    (tmp_path / "lent.py").touch()
    (tmp_path / "lender.py").write_text("try:\n    import lent\nexcept ImportError:\n    lent = None\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError), skip_imports("lent"):
        import lent
    with skip_imports("lent"):
        import lender
    assert lender.lent is None
    assert gc.isenabled()
    import lent

    del sys.modules["lender"]
    with skip_imports("lent"):  # which is imported already
        import lender
    assert lender.lent is sys.modules["lent"] is lent
