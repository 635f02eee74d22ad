"""`python -m fer_nb`: the same as the `fer_nb` command."""
import sys

from .cli import main

if __name__ == "__main__": sys.exit(main())
