"""The language model: what a position may see, and training that goes on where it was."""

from pathlib import Path

import pytest
import torch

from imfn_cli.errors import ImfnError
from imfn_cli.studies.language.corpus import Corpus
from imfn_cli.studies.language.language_model import LanguageModel, two_streams
from imfn_cli.studies.language.train_language_model import bytes_tensor, train_language_model

from .conftest import PLAN, SHAPE

RATIOS = (1, 2, 8, 16)


@pytest.fixture
def text() -> torch.Tensor:
    return torch.randint(256, (2, 32), generator=torch.Generator().manual_seed(0))


def test_no_logit_knows_a_later_byte(language_model: LanguageModel, text: torch.Tensor) -> None:
    other = text.clone()
    other[:, 20:] = (other[:, 20:] + 1) % 256
    before, after = language_model(text), language_model(other)
    assert torch.allclose(before[:, :20], after[:, :20], atol=1e-5)
    assert not torch.allclose(before[:, 20], after[:, 20], atol=1e-3)


@pytest.mark.parametrize("window", RATIOS)
def test_memories_of_the_past_keep_it_so(
    language_model: LanguageModel, text: torch.Tensor, window: int
) -> None:
    """Even where a window's restored states know all of its bytes."""

    def logits(some: torch.Tensor) -> torch.Tensor:
        states = language_model.states(some)
        # Each restored state: the mean of its window, the latest bytes included.
        mean = states.unflatten(1, (-1, window)).mean(2, keepdim=True)
        past = mean.expand(-1, -1, window, -1).flatten(1, 2)
        return language_model.logits_after(past, states, window)

    for position in (5, 16, 31):
        other = text.clone()
        other[:, position:] = (other[:, position:] + 1) % 256
        assert torch.allclose(logits(text)[:, :position], logits(other)[:, :position], atol=1e-5)
        assert not torch.allclose(logits(text)[:, position:], logits(other)[:, position:], atol=1e-3)


@pytest.mark.parametrize("window", RATIOS)
def test_perfect_memories_change_nothing(
    language_model: LanguageModel, text: torch.Tensor, window: int
) -> None:
    states = language_model.states(text)
    found = language_model.logits_after(states, states, window)
    assert torch.allclose(found, language_model.logits(states), atol=1e-4)


def test_the_past_counts_from_the_second_window_on(language_model: LanguageModel, text: torch.Tensor) -> None:
    states = language_model.states(text)
    other = torch.randn_like(states)
    found, wanted = language_model.logits_after(other, states, 8), language_model.logits(states)
    assert torch.allclose(found[:, :8], wanted[:, :8], atol=1e-4)
    assert not torch.allclose(found[:, 8], wanted[:, 8], atol=1e-3)
    # Without any past the first window is as it was too, and one window is all.
    alone = language_model.logits_within(states, 8)
    assert torch.allclose(alone[:, :8], wanted[:, :8], atol=1e-4)
    assert torch.allclose(alone[:, 8:16], language_model.logits_within(states[:, 8:16], 8), atol=1e-4)
    assert torch.allclose(language_model.logits_within(states, 32), wanted, atol=1e-4)


def test_two_streams_of_four() -> None:
    assert two_streams(4, 2).int().tolist() == [
        [1, 0, 0, 0, 0, 0, 0, 0],
        [1, 1, 0, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 1, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 1, 0, 0],
        [1, 1, 0, 0, 0, 0, 1, 0],
        [1, 1, 0, 0, 0, 0, 1, 1],
    ]


def test_learns(language_model: LanguageModel, corpus: Corpus) -> None:
    torch.manual_seed(PLAN.seed)
    start = LanguageModel(SHAPE)
    text = bytes_tensor(corpus.held_out)[: 33 * 32].unflatten(0, (-1, 33))

    def nats(model: LanguageModel) -> float:
        logits = model(text[:, :-1]).flatten(0, 1)
        return float(torch.nn.functional.cross_entropy(logits, text[:, 1:].flatten()).detach())

    assert nats(language_model) < nats(start) - 0.3


def test_goes_on_where_it_was_stopped(language_model: LanguageModel, corpus: Corpus, tmp_path: Path) -> None:
    def stop(what: str, done: int, total: int) -> None:
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_language_model(SHAPE, PLAN, corpus, cache=tmp_path, progress=stop, checkpoint_steps=3)
    steps: list[int] = []
    resumed = train_language_model(
        SHAPE, PLAN, corpus, cache=tmp_path, progress=lambda what, done, total: steps.append(done)
    )
    assert steps == list(range(6, 12))
    for mine, theirs in zip(resumed.parameters(), language_model.parameters(), strict=True):
        assert mine.equal(theirs)
    # A finished one is taken as it is.
    steps.clear()
    train_language_model(
        SHAPE, PLAN, corpus, cache=tmp_path, progress=lambda what, done, total: steps.append(done)
    )
    assert not steps
    (file,) = tmp_path.glob("*.pt")
    file.write_bytes(b"damaged")
    with pytest.raises(ImfnError, match="delete it to train again"):
        train_language_model(SHAPE, PLAN, corpus, cache=tmp_path)
