"""Which donors each tree grew on."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Shaped, UInt8


class Bags(eqx.Module):
    """The donors in the bag of each tree, a bit each, in the order of the training data.

    Attributes:
        bits: eight donors a byte.
        n_donors: rows of the training data.

    >>> import numpy as np
    >>> bags = Bags.of(np.array([[True, False, True]]))
    >>> bags.n_donors
    3
    """

    bits: UInt8[Array, "tree byte"]
    n_donors: int = eqx.field(static=True)

    @classmethod
    def of(cls, in_bag: Sequence[Shaped[np.ndarray, " donor"]]) -> "Bags":
        """From how often each donor was drawn for each tree."""
        drawn = np.stack([np.asarray(bag) > 0 for bag in in_bag])
        return cls(jnp.asarray(np.packbits(drawn, axis=1)), drawn.shape[1])

    def outside(self) -> Bool[np.ndarray, "donor tree"]:
        """Whether a tree grew without a donor."""
        drawn = np.unpackbits(np.asarray(self.bits), axis=1, count=self.n_donors)
        return drawn.T == 0
