"""Contract checks for any OpenAI-compatible server: `zhinao check-api URL`. Asks over HTTP; knows nothing of our own server."""
