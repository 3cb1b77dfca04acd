"""The losses that training can minimise. To add your own, add a line to LOSSES."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from plumbline.core.tensors import Floats


class Loss(NamedTuple):
    """A loss as a torch layer, and as a NumPy function for plot, which does not import torch."""

    layer: str  # the name of its class in torch.nn
    of: Callable[[Floats], Floats]  # its value for each residual


LOSSES = {
    "l1": Loss("L1Loss", np.abs),
    "mse": Loss("MSELoss", np.square),
    # torch.nn.HuberLoss with its default delta of 1.
    "huber": Loss("HuberLoss", lambda r: np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5)),
}
