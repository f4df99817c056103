"""`/v1/responses`: input, object and events."""
