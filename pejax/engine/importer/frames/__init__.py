"""Stand-ins for pandas' series and frames whose rows are traced: lookups become gathers."""
