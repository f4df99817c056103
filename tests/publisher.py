"""The code blocks of the publisher's README by name, and which test runs each. Read by the tests of three environments."""

from pathlib import Path

from tests.code_blocks import Block, blocks

PAGE = "360zhinao3-README.md"

# name -> words that this block alone has, and the test that runs it, or why none can.
WHERE = {
    "base": ("中国二十四节气", "tests/test_publisher.py::test_quick_start"),
    "instruct": ("#round-1", "tests/test_publisher.py::test_quick_start"),
    "thinking": ("extract_thinking_and_answer", "tests/test_publisher.py::test_quick_start"),
    "install": (
        "pip install vllm==0.6.0",
        "installs a vLLM of 2024, for CUDA 12.1; ours is `pip install 'zhinao[vllm]'` (tests/test_pages.py reads it)",
    ),
    "registry": ('"ZhinaoForCausalLM": (', "tests/serve/test_vllm_publisher.py::test_the_line_for_vllm_is_not_needed"),
    "server": ("vllm.entrypoints.openai.api_server", "tests/serve/test_vllm_publisher.py::test_the_command_and_its_clients"),
    "curl": ("curl http://localhost:8360", "tests/clients/test_upstream_readme.py::test_curl"),
    "client": ("from openai import OpenAI", "tests/clients/test_upstream_readme.py::test_python"),
    "sample": ('"conversations": [', "tests/test_publisher.py::test_the_sample_of_data"),
    "script": ("deepspeed --hostfile", "tests/test_publisher.py::test_the_training_script"),
    "start": ("bash finetune/ds_finetune.sh", "tests/test_publisher.py::test_the_training_script"),
}  # fmt: skip


def named(folder: Path) -> dict[str, Block]:
    """The blocks by name. AssertionError where one has no name, two share one, or a name has none."""
    found: dict[str, Block] = {}
    for block in blocks(folder / PAGE):
        names = [name for name, (words, _) in WHERE.items() if words in block.text]
        assert len(names) == 1, f"{block} is {names or 'new'}: give it a name and a test in WHERE (tests/publisher.py)"
        assert names[0] not in found, f"{block} and {found[names[0]]} are both {names[0]!r}"
        found[names[0]] = block
    assert found.keys() == WHERE.keys(), f"{PAGE} has no more {WHERE.keys() - found.keys()}"
    return found
