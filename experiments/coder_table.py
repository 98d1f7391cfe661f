"""`python -m experiments.coder_table`: see experiments/coders/table.py."""

import sys

from experiments.coders.table import main

if __name__ == "__main__":
    sys.exit(main())
