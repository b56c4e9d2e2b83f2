"""Population pytree."""


class Population:
    """Columns by entity, group links and weights."""
