"""The model card: what a model folder's README says."""

from collections.abc import Mapping
from typing import Any

from ..network import IMFNConfig

_HEAD = """---
library_name: imfn
tags: [video-compression, sequence-compression, imfn]
license: apache-2.0
---
"""


def linear_card(name: str, config: IMFNConfig, description: Mapping[str, Any]) -> str:
    """Markdown card of a linear model, from its configuration and the rest of its `config.json`."""
    data = description["data"]
    numbers = "RGB" if config.in_channels == 3 else "gray"
    patch = f"{config.patch_height}×{config.patch_width}"
    text = f"""{_HEAD}
# {name}

A linear Invertible Memory Flow Network, fitted in closed form: the leaf transform and the sweepers of
levels 1 to {config.levels} are Karhunen–Loève transforms of second moments, so this is the best linear model
of its shape and the floor for every trained one.

- Memory: {config.channels} numbers for each {patch} patch ({numbers}), at every level.
- Ratios: 1 to {1 << config.levels}.
- Data: {data["name"]}, {data["clips"]} sequences, {data["frames"]:,} frames.
- Command: `{description["command"]}`
- Time: {description["seconds"] / 60:.0f} minutes on {description["hardware"]}.
- Entropy model: integer context model and tables, fitted to the same data at qualities 0, 10, … 100.

```
imfn compress clip.mp4 -m {name} -r 16
```
"""
    results = description.get("results")
    if results:
        text += (
            f"\n## Results\n\nPSNR in dB on {results['data']} ({results['clips']} sequences), "
            "memories kept in float,\nbefore rounding to 8 bits, "
            "mean over the frames that fill whole trees, then over sequences.\n\n"
        )
        psnr = results["psnr_float"]
        text += "| ratio | " + " | ".join(f"{ratio}:1" for ratio in psnr) + " |\n"
        text += "|---" * (len(psnr) + 1) + "|\n"
        text += "| PSNR | " + " | ".join(f"{value:.2f}" for value in psnr.values()) + " |\n"
    else:
        text += (
            "\n## Results\n\nNot measured; `imfn train --linear … --test DATA` measures while it trains.\n"
        )
    return text


def trained_card(name: str, config: IMFNConfig, description: Mapping[str, Any]) -> str:
    """Markdown card of a model trained with gradients, from its configuration and its `config.json`."""
    data = description["data"]
    numbers = "RGB" if config.in_channels == 3 else "gray"
    patch = f"{config.patch_height}×{config.patch_width}"
    widths = ", ".join(str(width) if width else "none" for width in config.widths)
    effort = f"{description['seconds'] / 60:.0f} minutes, {description['steps']:,} steps"
    refining = ""
    if config.leaf_width:
        refining = (
            f"- Leaves of rounded memories are refined by a branch {config.leaf_width} wide, "
            f"of {config.leaf_blocks} blocks.\n"
        )
    apart = ""
    if config.independent:
        apart = (
            "- Frames are independent pictures: each has channels of its own, and they share the branches.\n"
        )
    text = f"""{_HEAD}
# {name}

An Invertible Memory Flow Network: linear sweepers in closed form (Karhunen–Loève), and learned residual
branches beside them, trained level by level with the local inverse loss, then end to end.

- Memory: {config.channels} numbers for each {patch} patch ({numbers}), at every level.
- Ratios: 1 to {1 << config.levels}.
- Branches: {widths} wide by level, {config.merge_blocks} blocks in a merge, {config.split_blocks} in a split.
{refining}{apart}- Data: {data["name"]}, {data["clips"]} sequences, {data["frames"]:,} frames.
- Start: {description["start"]}.
- Command: `{description["command"]}`, recipe in `recipe.toml`.
- Time: {effort}, on {description["hardware"]}.

```
imfn compress {"images/" if config.independent else "clip.mp4"} -m {name} -r {1 << min(4, config.levels)}
```
"""
    results = description.get("results")
    if results:
        text += (
            f"\n## Results\n\nPSNR in dB on {results['data']} ({results['clips']} sequences), "
            "memories kept in float,\nbefore rounding to 8 bits, mean over the frames that fill whole trees, "
            "then over sequences.\n\n"
        )
        psnr, before = results["psnr_float"], results["psnr_float_start"]
        text += "| ratio | " + " | ".join(f"{ratio}:1" for ratio in psnr) + " |\n"
        text += "|---" * (len(psnr) + 1) + "|\n"
        text += (
            f"| {description['start']} | " + " | ".join(f"{value:.2f}" for value in before.values()) + " |\n"
        )
        text += f"| {name} | " + " | ".join(f"{value:.2f}" for value in psnr.values()) + " |\n"
    return text
