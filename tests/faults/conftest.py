"""One house for all fault tests, apart from the servers of the other tests; each test gets it whole and empty."""

from collections.abc import Iterator

import pytest

from tests.conftest import KEYS
from tests.faults.house import House, opened


@pytest.fixture(scope="package")
def shared_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with opened(tmp_path_factory.mktemp("house"), KEYS) as house:
        yield house


@pytest.fixture
def house(shared_house: House) -> House:
    shared_house.fresh()
    return shared_house


@pytest.fixture
def house_without_rasa(shared_house: House) -> House:
    """For a test that puts something else in Rasa's place."""
    shared_house.fresh(rasa=False)
    return shared_house
