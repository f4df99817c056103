"""Tokens with their log-likelihoods as answers tell them: each token when its text has been shown, none behind a stop string."""

from zhinao.api.state import ReplyState


class TokenLog:
    """Follows one reply. `take(text)` gives the entries that have become due, in OpenAI's chat form.

    `hidden_ids` end answers: left out, or with `keeps_hidden` told as tokens without text (the older API counts them).
    """

    def __init__(self, tokenizer, state: ReplyState, hidden_ids: frozenset[int], keeps_hidden: bool = False):
        self._tokenizer, self._state = tokenizer, state
        self._hidden, self._keeps_hidden = hidden_ids, keeps_hidden
        self._next = 0  # index of the next token to tell
        self._start = 0  # where its text begins, in bytes of what the model wrote
        self._num_shown = 0

    def take(self, text: str, is_last: bool = False) -> list[dict]:
        """Entries for tokens whose text begins within what was shown so far, `text` now added.

        Text of thoughts is trimmed and markers vanish, so after a thought every token counts as shown.
        """
        self._num_shown += len(text.encode())
        state, entries = self._state, []
        cuts = state.matched is not None and not state.num_thought_tokens
        while self._next < len(state.logprobs):
            number = state.ids[self._next]
            data = b"" if number in self._hidden else self._tokenizer.bytes_of(number)
            is_due = self._start < self._num_shown or (is_last and not cuts) or state.num_thought_tokens
            if not is_due:
                break
            if self._keeps_hidden or number not in self._hidden:
                entries.append(entry(data, state.logprobs[self._next]))
            self._start += len(data)
            self._next += 1
        return entries


def entry(data: bytes, logprob: float) -> dict:
    """One token. The engine knows the likelihood of the chosen token alone, so `top_logprobs` stays empty."""
    return {"token": data.decode(errors="replace"), "logprob": logprob, "bytes": list(data), "top_logprobs": []}
