"""Conversations of an exact length in tokens whose first tokens differ, so that no prefix cache can help."""

import random
import re

from zhinao.prompt import conversation

# What the first message says differs as well: many chat templates would put the same system prompt in front.
SYSTEM_WORDS = 12


class Prompts:
    """Conversations of random words; the same `seed` gives the same ones. `tokenizer` needs a chat template."""

    def __init__(self, tokenizer, seed: int = 0):
        self.tokenizer, self.random = tokenizer, random.Random(seed)
        tokens = (tokenizer.id_to_token(n) for n in range(tokenizer.vocab_size))
        self.words = [token[1:] for token in tokens if token and re.fullmatch("[Ġ ][a-z]{3,8}", token)]

    def text(self, num_words: int) -> str:
        return " ".join(self.random.choices(self.words, k=num_words))

    def conversation(self, num_tokens: int) -> list[dict]:
        """Messages that render to exactly `num_tokens` ids, the opening of the answer included."""
        for _ in range(100):
            system, words = self.text(SYSTEM_WORDS), self.text(num_tokens).split()
            for _ in range(5):
                messages = [{"role": "system", "content": system}, {"role": "user", "content": " ".join(words)}]
                excess = self.count(messages) - num_tokens
                if excess == 0:
                    return messages
                words = words[:-excess] if excess > 0 else words + self.text(-excess).split()
        raise SystemExit(f"no conversation of {num_tokens} tokens found: is it shorter than the chat format itself?")

    def count(self, messages: list[dict]) -> int:
        return len(conversation.render(messages, self.tokenizer).ids)
