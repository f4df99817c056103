"""For scripts that start `finetune.py`, the publisher's ds_finetune.sh among them: put this file where the script looks for it.

`deepspeed … finetune.py FLAGS` is then `deepspeed … --module zhinao.train.sft FLAGS`, that is `zhinao finetune` in each process.
"""

import runpy

if __name__ == "__main__":
    runpy.run_module("zhinao.train.sft", run_name="__main__", alter_sys=True)
