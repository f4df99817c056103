"""What vLLM's processes call at their start, through the entry point `vllm.general_plugins`. Copies nothing into vLLM.

Works with vLLM 0.32 and newer. An environment with another vLLM keeps working, without Zhinao.
"""

import warnings

ARCHITECTURE = "ZhinaoForCausalLM"
REASONING_PARSER = "zhinao"


def register() -> None:
    """Make vLLM know the configuration, the tokenizer, the model and the reasoning parser. May be called again."""
    try:
        from vllm import ModelRegistry
        from vllm.reasoning import ReasoningParserManager

        from zhinao.model.register import register_configuration, register_tokenizer

        register_configuration()
        register_tokenizer()
        add_parser = ReasoningParserManager.register_lazy_module
    except (ImportError, AttributeError) as error:
        warnings.warn(f"vLLM does not know Zhinao ({error}); zhinao needs vLLM 0.32 or newer", stacklevel=2)
        return
    if ARCHITECTURE not in ModelRegistry.get_supported_archs():
        ModelRegistry.register_model(ARCHITECTURE, f"zhinao.serve.vllm.model:{ARCHITECTURE}")
    add_parser(REASONING_PARSER, "zhinao.serve.vllm.reasoning", "ZhinaoReasoningParser")
