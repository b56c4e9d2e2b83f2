"""Estimate matrices, known by what they do to vectors."""
