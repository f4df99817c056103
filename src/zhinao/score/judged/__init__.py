"""Grading by another model: what it is asked, and how its verdict is read. Asks nobody."""
