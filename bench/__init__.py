"""Measurements and proofs that take minutes: started by hand or by `make`, never by the tests."""
