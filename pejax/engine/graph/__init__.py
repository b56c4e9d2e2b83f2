"""The intermediate representation: hash-consed array operations, and their meaning in numpy."""
