"""`python -m undin` is the command `undin`."""

import sys

from undin.cli import main

sys.exit(main())
