"""The floor's stage `train`: only imports packages, and writes a few bytes."""

import sys
import time
from pathlib import Path

import torch

# Constructing an optimizer imports torch._dynamo, which takes as long as importing torch.
torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.01)

for path in sys.argv[1:]:
    Path(path).write_text(str(time.time_ns()))
