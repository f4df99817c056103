import sys

from zhinao.cli import main

sys.exit(main())
