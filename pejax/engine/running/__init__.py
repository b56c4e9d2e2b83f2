"""The graph in JAX: operations, segments, chunks of households."""
