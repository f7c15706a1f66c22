"""To which partition a key goes: as Kafka's Java client decides, so that every client agrees.

``org.apache.kafka.common.utils.Utils.murmur2``: MurmurHash2 of Austin Appleby (2008), 32 bits, Kafka's seed.
"""

from __future__ import annotations

import struct
from functools import lru_cache
from itertools import count

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(key: bytes) -> int:
    """Return the hash of *key*, 0 to 2**32 - 1."""
    n = len(key)
    h = _SEED ^ n
    end = n & ~3
    for word in struct.unpack(f"<{n >> 2}I", key[:end]):
        k = word * _M & _MASK
        h = (h * _M & _MASK) ^ ((k ^ k >> 24) * _M & _MASK)
    if n > end:
        h = (h ^ int.from_bytes(key[end:], "little")) * _M & _MASK
    h = (h ^ h >> 13) * _M & _MASK
    return h ^ h >> 15


def partition_of(key: bytes, n_partitions: int) -> int:
    """Return the partition that Kafka's clients choose for *key*."""
    return (murmur2(key) & 0x7FFFFFFF) % n_partitions


@lru_cache(1024)
def key_to(partition: int, n_partitions: int) -> bytes:
    """Return a key that goes to *partition*: the least number, as text, that does."""
    return next(key for i in count() if partition_of(key := b"%d" % i, n_partitions) == partition)
