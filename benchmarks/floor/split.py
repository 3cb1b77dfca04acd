"""The floor's stage `split`: only imports packages, and writes a few bytes."""

import sys
import time
from pathlib import Path

import numpy

for path in sys.argv[1:]:
    Path(path).write_text(str(time.time_ns()))
