from imfn_cli.network import IMFNConfig
from imfn_cli.training.card import linear_card

DESCRIPTION = {
    "data": {"name": "clips/train", "clips": 12, "frames": 34567},
    "command": "imfn train --linear clips/train -o tiny",
    "seconds": 600,
    "hardware": "2 cores",
}


def test_says_what_a_user_asks() -> None:
    card = linear_card("tiny", IMFNConfig(levels=5), DESCRIPTION)
    assert card.startswith("---\n")
    for words in (
        "# tiny",
        "192 numbers",
        "8×8",
        "Ratios: 1 to 32",
        "34,567 frames",
        "10 minutes",
        "-m tiny",
    ):
        assert words in card
    assert "Not measured" in card


def test_results_become_a_table() -> None:
    results = {"data": "clips/test", "clips": 3, "psnr_float": {"1": 99.0, "2": 44.444}}
    card = linear_card("tiny", IMFNConfig(), DESCRIPTION | {"results": results})
    assert "| ratio | 1:1 | 2:1 |\n|---|---|---|\n| PSNR | 99.00 | 44.44 |" in card
    assert "Not measured" not in card
