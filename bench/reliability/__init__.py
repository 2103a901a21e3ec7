"""Promises that only real processes and real time can prove: see __main__."""

POISON = "poison"  # in a message's text: see poisoned
