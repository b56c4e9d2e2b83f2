"""Formulas on symbolic arrays: from a country's rules to a graph."""
