"""Rewards looked at before they train: two verifiers on given answers, and what a policy would try to be paid for."""
