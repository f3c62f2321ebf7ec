"""A program as text of C, and what surrounds a network in a model of undin."""
