"""Random numbers as a pure function of (seed, record, purpose): no draw depends on another's."""

import zlib

import numpy as np
from jaxtyping import Float, Int


def uniform(seed: int, records: Int[np.ndarray, " row"], purpose: str) -> Float[np.ndarray, " row"]:
    """One number in [0, 1) a record, the same whatever else is drawn and in whatever order.

    Args:
        seed: any integer.
        records: ids, one a draw.
        purpose: what the draw is for; another purpose gives independent numbers.

    Reference: the mixing function is SplitMix64's; G. L. Steele, D. Lea, C. H. Flood, Fast
    splittable pseudorandom number generators, OOPSLA 2014.

    >>> a, b = uniform(0, np.array([7, 8]), "age"), uniform(0, np.array([8]), "age")
    >>> bool(a[1] == b[0]), bool(a[0] == a[1])
    (True, False)
    """
    stream = _mix(_mix(np.uint64(seed & 0xFFFF_FFFF_FFFF_FFFF)) ^ zlib.crc32(purpose.encode()))
    bits = _mix(_mix(np.asarray(records).astype(np.uint64)) ^ stream)
    return (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _mix(value):
    """SplitMix64's finaliser on 64-bit words, arithmetic modulo 2^64."""
    with np.errstate(over="ignore"):
        value = np.asarray(value, dtype=np.uint64) + np.uint64(0x9E37_79B9_7F4A_7C15)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58_476D_1CE4_E5B9)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D0_49BB_1331_11EB)
    return value ^ (value >> np.uint64(31))
