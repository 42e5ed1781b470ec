"""What the tests of the commands on real processes ask for."""

from __future__ import annotations

import pytest
from ground import Ground
from house import House
from litter import Litter


@pytest.fixture
def ground(house: House, litter: Litter) -> Ground:
    """Guardian, and victims of one rule that is about nothing else."""
    return Ground(house, litter)
