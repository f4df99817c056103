"""What happens to a request: it waits, it is generated, it is written out."""
