"""What a request of the OpenAI API means, and what its answer looks like."""
