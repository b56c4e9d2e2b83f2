"""The native way to write rules: Python functions whose arguments are the edges of the graph."""
