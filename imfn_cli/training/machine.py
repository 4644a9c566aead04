"""This machine, as a model's card names it."""

import os
import platform

import torch


def hardware(device: torch.device | str) -> str:
    """The processor that `device` is, or how many cores there are: "2 cores (x86_64)"."""
    device = torch.device(device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} cores"
    return f"{name} ({platform.machine()})"


def hardware_and_torch(device: torch.device | str) -> str:
    """The same, and the version of torch: times and numbers depend on both."""
    return f"{hardware(device)}, torch {torch.__version__}"
