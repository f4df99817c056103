"""Makes transformers' Auto classes know Zhinao, no earlier than transformers itself loads them.

`import zhinao` only leaves a finder in `sys.meta_path` that waits for two modules of transformers and for our configuration.
When one of them has been imported, its part is registered; when all have, the finder removes itself. It never changes how or
from where anything is imported. The model classes, which need torch, follow with the first configuration.
"""

import _thread  # `threading` would take a third of the time that `import zhinao` takes
import sys
import warnings


def register_configuration() -> None:
    from transformers.models.auto.configuration_auto import AutoConfig

    from zhinao.model.configuration import ZhinaoConfig

    AutoConfig.register(ZhinaoConfig.model_type, ZhinaoConfig, exist_ok=True)


def register_models() -> None:
    """Model classes and their way to the fused layout. Does nothing without torch; may be called again at any time."""
    from importlib.util import find_spec

    if find_spec("torch") is None:  # transformers' own classes then say that torch is missing
        return
    from transformers.conversion_mapping import register_checkpoint_conversion_mapping
    from transformers.models.auto import modeling_auto as auto

    from zhinao.model import modeling
    from zhinao.model.configuration import ZhinaoConfig

    register_checkpoint_conversion_mapping(ZhinaoConfig.model_type, modeling.conversions(), overwrite=True)
    for auto_class, model_class in (
        (auto.AutoModel, modeling.ZhinaoModel),
        (auto.AutoModelForCausalLM, modeling.ZhinaoForCausalLM),
        (auto.AutoModelForSequenceClassification, modeling.ZhinaoForSequenceClassification),
    ):
        auto_class.register(ZhinaoConfig, model_class, exist_ok=True)


def register_models_when_needed() -> None:
    """Nobody asks for a Zhinao model before there is a configuration."""
    from zhinao.model import configuration

    if register_models not in configuration.when_made:
        configuration.when_made.append(register_models)


class _ByName:
    """Under this key transformers knows the tokenizer by its name alone, which checkpoints and `ZhinaoConfig` give.

    Where its mapping has the configuration itself, `trust_remote_code=True`, which the publisher's snippets say, takes the
    checkpoint's own file instead of a registered class (unlike with models).
    """


def register_tokenizer() -> None:
    from transformers.models.auto.tokenization_auto import AutoTokenizer

    from zhinao.model.tokenizer_transformers import ZhinaoTokenizer

    AutoTokenizer.register(_ByName, ZhinaoTokenizer, exist_ok=True)


PARTS = {
    "transformers.models.auto.configuration_auto": register_configuration,
    "transformers.models.auto.tokenization_auto": register_tokenizer,
    "zhinao.model.configuration": register_models_when_needed,
}


def register() -> None:
    """Register everything now (imports transformers and torch). May be called again at any time."""
    for action in (*PARTS.values(), register_models):
        action()


def register_when_imported() -> None:
    """Register what transformers has loaded already, and the rest when it is loaded. Imports nothing itself."""
    with _lock:  # never held while something is imported
        waiting = {name: action for name, action in PARTS.items() if name not in sys.modules}
        if waiting and not any(isinstance(finder, _Waiting) for finder in sys.meta_path):
            sys.meta_path.insert(0, _Waiting(waiting))
    for name, action in PARTS.items():
        if name not in waiting:
            _try(action)


_lock = _thread.allocate_lock()


def _try(action) -> None:
    """Somebody's `import transformers` must not fail because a version that Zhinao cannot use is installed."""
    try:
        action()
    except ImportError as error:
        warnings.warn(
            f"transformers does not know Zhinao ({error}); zhinao needs transformers 5.16 or newer, below 6",
            stacklevel=2,
        )


class _Waiting:  # a base class from importlib.abc would cost each start 20 ms
    """Finds nothing of its own: lets the others find a module of PARTS, and acts once that has been executed."""

    def __init__(self, waiting: dict):
        self.waiting = waiting

    def find_spec(self, name, path=None, target=None):
        if name not in self.waiting:
            return None
        others = (finder for finder in list(sys.meta_path) if finder is not self and hasattr(finder, "find_spec"))
        spec = next((s for finder in others if (s := finder.find_spec(name, path, target))), None)
        if spec is not None and spec.loader is not None:
            self._act_after(spec.loader, name)
        return spec

    def _act_after(self, loader, name: str) -> None:
        """The loader object stays the genuine one; only this instance's `exec_module` is wrapped, once."""
        execute = loader.exec_module

        def exec_module(module):
            loader.exec_module = execute
            execute(module)
            with _lock:
                action = self.waiting.pop(name, None)
                if not self.waiting and self in sys.meta_path:
                    sys.meta_path.remove(self)
            if action:
                _try(action)

        loader.exec_module = exec_module
