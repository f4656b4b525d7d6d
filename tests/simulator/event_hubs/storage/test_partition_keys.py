"""Partition keys map to partitions as the service maps them."""

import pytest
from azure.eventhub._buffered_producer._partition_resolver import generate_hash_code
from hypothesis import given
from hypothesis import strategies as st

from simulator.event_hubs import partition_of
from simulator.event_hubs.storage.partition_keys import key_hash


@given(st.text(st.characters(codec="ascii"), max_size=60))
def test_the_hash_is_the_sdks(key: str) -> None:
    assert key_hash(key) == generate_hash_code(key)


@pytest.mark.parametrize(("key", "expected"), [("7", -15263), ("131", 30562), ("FWfAT", -22341)])
def test_the_hash_of_known_keys(key: str, expected: int) -> None:
    assert key_hash(key) == expected


def test_negative_hashes_map_as_the_service_rounds_them() -> None:
    assert key_hash("7") == -15263
    assert partition_of("7", 4) == 15263 % 4 == 3  # rounding towards minus infinity would give 1


@given(st.text(max_size=40), st.integers(1, 32))
def test_every_key_has_a_partition(key: str, partitions: int) -> None:
    assert 0 <= partition_of(key, partitions) < partitions
