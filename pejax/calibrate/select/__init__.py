"""Calibration on a chosen number of records: who is kept, and what they weigh then."""
