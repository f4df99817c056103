"""lm-evaluation-harness's own command, which knows `--model zhinao` besides its own models.

    python -m zhinao.evaluate.lm_eval run --model zhinao --model_args pretrained=MODEL,quant=f32 --tasks hellaswag

lm-eval finds models in its registry alone: it has no entry points, and `--include_path` reads tasks only. So its command is
called with our class registered; a hook of Python's start (`.pth`) would run in every program of the environment.
"""

import sys

from zhinao.errors import ZhinaoError
from zhinao.evaluate.lm_eval.run import require


def register() -> None:
    """Make `zhinao` a model of lm-eval in this process; it is imported when it is chosen."""
    import lm_eval.models  # noqa: F401 (its own models first: it looks for them only where there are none at all)
    from lm_eval.api.registry import model_registry

    model_registry.register("zhinao", target="zhinao.evaluate.lm_eval.model:ZhinaoLM")


def main() -> int:
    try:
        require()
        register()
        from lm_eval.__main__ import cli_evaluate

        cli_evaluate()
    except ZhinaoError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
