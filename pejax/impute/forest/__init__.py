"""Trees as arrays: taken over from their libraries, walked, read from and drawn from."""
