"""Sequential imputation: one variable of a table after the other, each with its own forest."""
