"""The operator, whose CAs for the injector live for seconds; run by its file.

A certificate is renewed after two thirds of its time, the hour for slow clocks included.
"""

from __future__ import annotations

import os
import sys
from datetime import timedelta

from eureka_operator.__main__ import main
from eureka_operator.core import certificates as core
from eureka_operator.shell import certificates as shell

RENEWED_AFTER = timedelta(seconds=float(os.environ["RENEWED_AFTER_S"]))

if __name__ == "__main__":
    lasts = 3 * (core.CLOCKS_DIFFER + RENEWED_AFTER) / 2 - core.CLOCKS_DIFFER
    vars(core).update(AUTHORITY_LASTS=lasts)
    vars(shell).update(_LOOK_S=0.5)
    sys.exit(main())
