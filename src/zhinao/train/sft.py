"""`python -m zhinao.train.sft`: `zhinao finetune` for launchers that start a module, `deepspeed --module zhinao.train.sft …` among them."""

import sys

from zhinao.cli import main

if __name__ == "__main__":
    sys.exit(main(["finetune", *sys.argv[1:]]))
