"""`python -m zhinao.train.sft`: `zhinao finetune` for launchers that start a module, `deepspeed --module zhinao.train.sft …` among them."""

import runpy
import sys

if __name__ == "__main__":
    sys.argv[1:1] = ["finetune"]
    runpy.run_module("zhinao", run_name="__main__", alter_sys=True)
