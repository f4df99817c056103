"""The reasoning parser `zhinao` of vLLM. Imported by vLLM alone, by name; the splitting itself is in `thoughts.py`.

A thought begins in the prompt or with `<think>`; an output with neither is an answer, unless a `</think>` shows that it was
not. While streaming, such a late `</think>` cannot take back what was sent and stays in the answer.
"""

from collections.abc import Iterable, Sequence

from jinja2 import TemplateError
from vllm.reasoning import ReasoningParser
from vllm.reasoning.basic_parsers import DeltaMessage  # its own module has moved between versions

from zhinao.family import THINK_CLOSE, THINK_OPEN
from zhinao.serve.vllm import thoughts

_NUM_MARKER_IDS = len(THINK_CLOSE)  # no marker takes more tokens than it has characters
_NOT_FOR_TEMPLATES = ("add_generation_prompt", "continue_final_message", "tokenize", "chat_template")


class ZhinaoReasoningParser(ReasoningParser):
    """One request's parser; vLLM makes one for each choice, and one in the engine for the start of a grammar."""

    engine_based_streaming = True  # asks for what is held back at the end of a stream

    def __init__(self, tokenizer, *args, **kwargs):
        super().__init__(tokenizer, *args, **kwargs)
        self._template_kwargs = kwargs.get("chat_template_kwargs") or {}
        self._is_open: bool | None = None  # not known before the prompt has been seen
        self._output: thoughts.Output | None = None

    @property
    def reasoning_start_str(self) -> str:
        return THINK_OPEN

    @property
    def reasoning_end_str(self) -> str:
        return THINK_CLOSE

    def adjust_request(self, request):
        """Markers that are special tokens would be missing from the text."""
        if {THINK_OPEN, THINK_CLOSE} & set(self.model_tokenizer.all_special_tokens):
            request.skip_special_tokens = False
        return request

    def is_reasoning_end(self, input_ids: Sequence[int]) -> bool:
        """Asked with the prompt, before anything else is."""
        state = thoughts.state_of(self._decode(input_ids))
        self._is_open = state == thoughts.OPENED
        return state == thoughts.CLOSED

    def is_reasoning_end_streaming(self, input_ids: Sequence[int], delta_ids: Iterable[int]) -> bool:
        """Where no text was fed (in the engine, which waits to start a grammar), the last ids tell."""
        if self._output is not None:
            return self._output.has_ended
        num_ids = len(list(delta_ids)) + _NUM_MARKER_IDS
        return thoughts.state_of(self._decode(input_ids[-num_ids:])) == thoughts.CLOSED

    def has_engine_confirmed_reasoning_end(self) -> bool:
        return self._output is not None and self._output.has_ended

    def extract_reasoning(self, model_output: str, request) -> tuple[str | None, str | None]:
        thought, answer = thoughts.split(model_output, self._opens())
        return thought or None, answer or None

    def extract_reasoning_streaming(
        self, previous_text, current_text, delta_text, previous_token_ids, current_token_ids, delta_token_ids
    ) -> DeltaMessage | None:
        if self._output is None:
            self._output = thoughts.Output(self._opens())
        return _message(*self._output.feed(delta_text))

    def finish_streaming(self) -> DeltaMessage | None:
        return _message(*self._output.finish()) if self._output else None

    def extract_content_ids(self, input_ids: list[int]) -> list[int]:
        return input_ids[self.count_reasoning_tokens(input_ids) :]

    def count_reasoning_tokens(self, token_ids: Sequence[int]) -> int:
        return thoughts.num_thought_ids(token_ids, self._decode, bool(self._is_open))

    def _decode(self, ids: Sequence[int]) -> str:
        return self.model_tokenizer.decode(list(ids), skip_special_tokens=False)

    def _opens(self) -> bool:
        """Whether the prompt opened the thought. A parser of a second choice is not shown the prompt: its template tells."""
        if self._is_open is None:
            kwargs = {name: value for name, value in self._template_kwargs.items() if name not in _NOT_FOR_TEMPLATES}
            try:
                prompt = self.model_tokenizer.apply_chat_template(
                    [{"role": "user", "content": ""}], tokenize=False, add_generation_prompt=True, **kwargs
                )
            except (TemplateError, TypeError, ValueError):
                prompt = ""
            self._is_open = thoughts.state_of(prompt) == thoughts.OPENED
        return self._is_open


def _message(thought: str, answer: str) -> DeltaMessage | None:
    if not thought and not answer:
        return None
    return DeltaMessage(**({"reasoning": thought} if thought else {}), **({"content": answer} if answer else {}))
