from __future__ import annotations

import pytest

from ratecast.errors import ModelBundleError
from ratecast.model.bundle import current_version, set_current
from ratecast.model.shadow_pointer import SHADOW, remove_shadow, set_shadow, shadow_version


def test_the_shadow_is_named_beside_the_current_model_and_can_be_removed(tmp_path):
    set_current(tmp_path, "one")
    assert shadow_version(tmp_path) is None
    set_shadow(tmp_path, "two")
    assert (current_version(tmp_path), shadow_version(tmp_path)) == ("one", "two")
    assert {path.name for path in tmp_path.iterdir()} == {"current", "shadow"}, "a scratch file was left"
    for _ in range(2):
        remove_shadow(tmp_path)
        assert shadow_version(tmp_path) is None


@pytest.mark.parametrize(("content", "fault"), [(b"../x\n", "does not name"), (b"\xff", "cannot be read")])
def test_a_pointer_that_names_no_version_is_an_error(tmp_path, content, fault):
    (tmp_path / SHADOW).write_bytes(content)
    with pytest.raises(ModelBundleError, match=fault):
        shadow_version(tmp_path)
