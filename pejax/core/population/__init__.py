"""Populations: columns by entity, links and weights as one pytree, checked once at the edge."""
