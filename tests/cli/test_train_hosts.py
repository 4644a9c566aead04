"""`imfn train` on two hosts, as docs/USAGE.md says: two launchers, two names of the first host."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np

import imfn_cli as imfn
from tests.conftest import make_clip, read_csv

from .conftest import environment, recipe_text


def test_two_hosts_train_one_model(tmp_path: Path) -> None:
    footage = tmp_path / "footage"
    footage.mkdir()
    for seed in range(8):
        np.save(footage / f"clip{seed}.npy", make_clip(8, 32, 40, seed=seed))
    recipe = tmp_path / "my.toml"
    recipe.write_text(recipe_text(footage))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # Hosts share no folder for the model; the first one writes it.
    hosts = {"127.0.0.1": tmp_path / "first", "localhost": tmp_path / "second"}
    running = [
        subprocess.Popen(
            [
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", "2", "--node-rank", str(rank)),
                *("--nproc-per-node", "1", "--master-addr", name, "--master-port", str(port)),
                *("-m", "imfn_cli", "train", str(recipe), "-o", str(output), "--device", "cpu", "--json"),
            ],
            env=environment() | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank, (name, output) in enumerate(hosts.items())
    ]
    try:
        ended = [process.communicate(timeout=120) for process in running]
    finally:
        for process in running:
            process.kill()
    assert [process.returncode for process in running] == [0, 0], ended
    made = json.loads(ended[0][0])
    assert made["data"]["clips"] == 8
    # Each host reads its half of the clips.
    assert made["data"]["frames"] == 4 * 8
    assert ended[1][0] == ""
    assert read_csv(tmp_path / "first/training/log.csv")[-1]["step"] == "12"
    imfn.load(str(tmp_path / "first"))
    assert not (tmp_path / "second/config.json").exists()
