"""``python -m coursework``."""

import sys

from coursework.cli import main

if __name__ == "__main__":
    sys.exit(main())
