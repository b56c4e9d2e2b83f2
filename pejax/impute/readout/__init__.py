"""What a leaf holds, and what is read from the leaves that a row reaches."""
