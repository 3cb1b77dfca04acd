"""The floor's stage `validate`: only imports packages, and writes a few bytes."""

import sys
import time
from pathlib import Path

import torch

# Like validate, constructs an optimizer, which imports about as much as torch itself.
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)

for path in sys.argv[1:]:
    Path(path).write_text(str(time.time_ns()))
