"""What the tests of the commands on real processes ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from ground import Ground
from house import House
from litter import Litter
from project import Project


@pytest.fixture
def ground(house: House, litter: Litter) -> Ground:
    """Guardian, and victims of one rule that is about nothing else."""
    return Ground(house, litter)


@pytest.fixture
def project(house: House, litter: Litter) -> Iterator[Project]:
    """A project whose keeper, brain and services are gone after the test, however it ends."""
    made = Project(house, litter)
    yield made
    made.clear()
