"""The device that computes."""

import torch

from plumbline.core.errors import UserError


def use_device(name: str) -> torch.device:
    """Sets up this process for the device that `device` in params.yaml names, and returns it.

    `auto` is the accelerator if there is one, else the CPU. A CPU then computes on one thread.
    """
    # Several threads split a sum by their number, and so change its last bits.
    torch.set_num_threads(1)
    # glibc returns freed blocks to the system, which costs a page fault for every 4 KB of the
    # next one, unless it has seen a larger block freed.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    present = {"auto": torch.device("cpu"), "cpu": torch.device("cpu")}
    if accelerator := torch.accelerator.current_accelerator(check_available=True):
        kind = accelerator.type
        indexed = [f"{kind}:{index}" for index in range(torch.accelerator.device_count())]
        present |= {"auto": accelerator, **{n: torch.device(n) for n in (kind, *indexed)}}
    if name not in present:
        raise UserError(f"params.yaml: device: wanted one of {', '.join(present)}, got {name!r}")
    return present[name]
