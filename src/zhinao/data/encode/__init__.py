"""From samples to token ids and the weight of each: conversations and pairs, thoughts, what is too long."""
