"""What a worker refuses to start with: models it could not restore, and, in production, no keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from river import base, compose, linear_model

from agents.ownership import keyring, keys_path, sealer
from headrace import settings
from headrace.errors import SettingsError
from tests.folding import declare


def double(x: dict[str, Any]) -> dict[str, Any]:
    return {name: 2 * value for name, value in x.items()}


def doubled() -> base.Estimator:
    model: base.Estimator = compose.FuncTransformer(double) | linear_model.LogisticRegression()
    return model


def test_a_model_with_a_function_of_the_users_own_needs_it_in_the_list(tmp_path: Path) -> None:
    found = settings.load({}, tmp_path, data_dir=str(tmp_path))
    with pytest.raises(SettingsError, match="double") as caught:
        sealer(declare(doubled), found, keyring(found))
    assert caught.value.fix == f'snapshot_classes = ["{__name__}.double"]  in headrace.toml'

    listed = settings.load({}, tmp_path, data_dir=str(tmp_path), snapshot_classes=(f"{__name__}.double",))
    assert sealer(declare(doubled), listed, keyring(listed)).allowed.permits(__name__, "double")


def test_keys_are_made_in_development_and_asked_for_in_production(tmp_path: Path) -> None:
    live = settings.load({}, tmp_path, data_dir=str(tmp_path), environment="production")
    with pytest.raises(SettingsError, match=r"keys\.json does not exist") as caught:
        keyring(live)
    assert "headrace keys new" in caught.value.fix

    keyring(settings.load({}, tmp_path, data_dir=str(tmp_path)))
    assert keys_path(live).exists()
    keyring(live)
