"""Keys go where Kafka's own clients send them."""

from __future__ import annotations

import pytest
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.partitioner import murmur2 as murmur2_of_aiokafka
from hypothesis import given
from hypothesis import strategies as st

from headrace.intake import murmur2, partition_of


@pytest.mark.parametrize(
    ("key", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_hashes_are_those_that_kafkas_own_tests_expect(key: bytes, signed: int) -> None:
    assert murmur2(key) == signed % 2**32


@given(st.binary(max_size=40), st.integers(1, 64))
def test_any_key_goes_where_another_client_sends_it(key: bytes, n_partitions: int) -> None:
    assert murmur2(key) == murmur2_of_aiokafka(key)
    wanted = DefaultPartitioner()(key, list(range(n_partitions)), [])
    assert partition_of(key, n_partitions) == wanted
