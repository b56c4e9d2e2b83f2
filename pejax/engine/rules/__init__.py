"""What a country says: its variables, and its law as a tree of dated numbers."""
