"""Which partition a partition key belongs to, by the hash of the Event Hubs service.

Source: Bob Jenkins' lookup3 `hashlittle2` (public domain, 2006). The SDKs for .NET and Java call their
`PartitionResolver` a port of the service's code: they combine 16 bits of the two results into a signed number and take
the absolute value of its remainder, which C# and Java round towards zero. (azure-eventhub for Python 5.15.1 rounds
towards minus infinity and hashes code points instead of UTF-8. It does so only in buffered mode, where it chooses the
partition itself.)
"""

import struct

_MASK = 0xFFFFFFFF
_BLOCK = struct.Struct("<III")
_MIX_ROTATIONS = (4, 6, 8, 16, 19, 4)
_FINAL_ROTATIONS = (14, 11, 25, 16, 4, 14, 24)


def partition_of(key: str, partitions: int) -> int:
    """The partition (0 to `partitions` - 1) that receives events sent with the partition key `key`."""
    return abs(key_hash(key)) % partitions


def key_hash(key: str) -> int:
    """The service's hash of a partition key, a signed 16-bit number."""
    data = key.encode()
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    while len(data) > _BLOCK.size:
        x, y, z = _BLOCK.unpack_from(data)
        a, b, c = _mix((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
        data = data[_BLOCK.size :]
    if data:
        x, y, z = _BLOCK.unpack(data.ljust(_BLOCK.size, b"\0"))
        a, b, c = _finish((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
    combined = (b ^ c) & 0xFFFF
    return combined - 0x10000 if combined & 0x8000 else combined


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for rotation in _MIX_ROTATIONS:
        a = ((a - c) & _MASK) ^ _rotate(c, rotation)
        c = (c + b) & _MASK
        a, b, c = b, c, a  # the next step does the same to the next word; six steps bring each word home
    return a, b, c


def _finish(a: int, b: int, c: int) -> tuple[int, int, int]:
    for rotation in _FINAL_ROTATIONS:
        c = ((c ^ b) - _rotate(b, rotation)) & _MASK
        a, b, c = b, c, a
    return c, a, b  # seven steps moved each word one place on


def _rotate(word: int, bits: int) -> int:
    return ((word << bits) | (word >> (32 - bits))) & _MASK
