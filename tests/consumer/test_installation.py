from __future__ import annotations

import pytest

from consumer import installation
from ratecast.errors import UsageError


def test_a_full_installation_passes_without_a_log_line(caplog) -> None:
    installation.check()
    assert caplog.records == []


@pytest.mark.parametrize("codec", ["has_lz4", "has_snappy", "has_zstd"])
def test_a_missing_codec_is_an_error_that_names_the_package(codec: str, monkeypatch) -> None:
    monkeypatch.setattr(installation.codec, codec, lambda: False)
    with pytest.raises(UsageError, match="pip install cramjam"):
        installation.check()


def test_a_client_without_its_c_extension_is_logged_as_slow(monkeypatch, caplog) -> None:
    monkeypatch.setattr(installation, "has_c_extension", lambda: False)
    installation.check()
    assert "without its C extension and is about a hundred times slower" in caplog.text
