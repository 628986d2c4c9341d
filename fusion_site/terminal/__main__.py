"""`python -m fusion_site.terminal`: the command `fusion` where it is not installed."""

import sys

from fusion_site.terminal.remote.command import main

if __name__ == "__main__":
    sys.exit(main())
