from __future__ import annotations

import pytest

from ratecast.errors import UsageError
from ratecast_stack import extras


@pytest.mark.parametrize("is_checkout", [True, False])
def test_a_missing_library_is_named_with_a_command_that_works(monkeypatch, tmp_path, is_checkout):
    monkeypatch.setattr(extras, "ROOT", tmp_path)
    monkeypatch.setattr(
        extras.importlib.util, "find_spec", lambda name: None if name == "sklearn" else object()
    )
    if is_checkout:
        (tmp_path / "Makefile").touch()
    remedy = f"run `make install` in {tmp_path}" if is_checkout else "run `pip install scikit-learn`"
    with pytest.raises(UsageError) as raised:
        extras.require_modules("training")
    assert str(raised.value) == f"training needs scikit-learn: {remedy}"
