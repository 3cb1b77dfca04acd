"""The device that is present, and how it is used."""

import torch


def pick(name: str) -> torch.device:
    """The device that `device` in params.yaml names; `auto` is the accelerator, else the CPU.

    From then on a CPU computes on one thread.
    """
    # Several threads would split a sum where their number says, and its last bits with it.
    torch.set_num_threads(1)
    # glibc gives freed blocks back to the system, at the cost of a page fault for every 4 KB when
    # they are needed again, up to the size of the largest block that it has seen freed.
    torch.empty(31 * 2**20, dtype=torch.uint8)
    cpu = torch.device("cpu")
    accelerator = torch.accelerator.current_accelerator(check_available=True)
    present = {"auto": accelerator or cpu, "cpu": cpu}
    if accelerator:
        present[accelerator.type] = accelerator
        for index in range(torch.accelerator.device_count()):
            present[f"{accelerator.type}:{index}"] = torch.device(accelerator.type, index)
    if name not in present:
        raise ValueError(f"params.yaml: device: wanted one of {', '.join(present)}, got {name!r}")
    return present[name]
