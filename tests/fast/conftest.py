"""Compiled kernels go into a folder of the tests, and not into that of the user."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def _kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RNNCORE_CACHE", str(tmp_path_factory.mktemp("kernels")))
        yield
