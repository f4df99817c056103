"""Models for Python programs and notebooks: `zhinao.load("7b-instruct").chat(messages)`."""

from zhinao.api.model import Model, load
from zhinao.api.reply import Event, Reply, Score, Usage

__all__ = ["Event", "Model", "Reply", "Score", "Usage", "load"]
