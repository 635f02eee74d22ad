import pytest
import torch


@pytest.fixture(autouse=True)
def same_start(): torch.manual_seed(0)
