"""Graders: an answer and what is right in, a grade out. For evaluation and for rewards; knows no model and no data folder."""
