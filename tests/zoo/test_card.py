from imfn_cli.network import IMFNConfig
from imfn_cli.zoo.card import linear_card, trained_card

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


TRAINED = DESCRIPTION | {"start": "video-linear", "steps": 1234, "command": "imfn train r.toml"}


def test_a_trained_model_names_its_start_and_recipe() -> None:
    config = IMFNConfig(levels=2, widths=(32, 48))
    card = trained_card("mycam", config, TRAINED)
    for words in ("32, 48 wide", "Start: video-linear", "recipe.toml", "1,234 steps", "-m mycam -r 4"):
        assert words in card
    assert "independent" not in card
    apart = IMFNConfig(28, 28, 1, 64, 2, (8, 8), independent=True)
    assert "independent pictures" in trained_card("digits", apart, TRAINED)


def test_a_trained_model_stands_beside_its_start() -> None:
    results = {"data": "d", "clips": 2, "psnr_float": {"2": 41.5}, "psnr_float_start": {"2": 40.25}}
    card = trained_card("mycam", IMFNConfig(levels=1, widths=(32,)), TRAINED | {"results": results})
    assert "| video-linear | 40.25 |" in card
    assert "| mycam | 41.50 |" in card
