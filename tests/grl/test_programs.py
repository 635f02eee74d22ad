"The doctor on programs of other people: those that are ill are named rightly, those that are not are sent home."
import programs
import pytest
import torch


@pytest.fixture(autouse=True)
def seed(): torch.manual_seed(0)

def test_there_are_enough(): assert len(programs.BROKEN) >= 24 and len(programs.HEALTHY) >= 10

@pytest.mark.parametrize('name', programs.BROKEN)
def test_named(name):
    program, findings, address = programs.BROKEN[name]
    assert address.startswith('https://')
    found = program()
    assert set(findings) & set(found.names()), found

@pytest.mark.parametrize('name', programs.HEALTHY)
def test_sent_home(name):
    program, address = programs.HEALTHY[name]
    found = program()
    assert found == [] and address.startswith('https://'), found
