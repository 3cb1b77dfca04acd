"""The losses that training can minimise: torch's layer and the same function of a residual."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Loss(NamedTuple):
    """One loss, for those who have torch and for those who have not."""

    layer: str  # its class in torch.nn
    of: Callable[[Floats], Floats]  # its value for each residual, elementwise


LOSSES = {
    "l1": Loss("L1Loss", np.abs),
    "mse": Loss("MSELoss", np.square),
    # torch.nn.HuberLoss with its default delta of 1.
    "huber": Loss("HuberLoss", lambda r: np.where(np.abs(r) < 1, r**2 / 2, np.abs(r) - 0.5)),
}
