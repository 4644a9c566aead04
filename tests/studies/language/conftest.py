"""A tiny language model, hardly trained, and states of it."""

from dataclasses import replace

import pytest
import torch

from imfn_cli.network import IMFN
from imfn_cli.studies.language.corpus import Corpus, read_corpus
from imfn_cli.studies.language.language_model import LanguageModel, LanguageShape
from imfn_cli.studies.language.states import States, states_of
from imfn_cli.studies.language.train_language_model import LanguagePlan, bytes_tensor, train_language_model
from imfn_cli.studies.vectors.fit import fit_vectors

SHAPE = LanguageShape(width=16, lower=1, upper=2, heads=2, context=32)
PLAN = LanguagePlan(steps=12, batch=4, learning_rate=1e-2)


@pytest.fixture(scope="session")
def corpus() -> Corpus:
    """A part of the reference of the language."""
    whole = read_corpus(topics_only=True)
    return replace(whole, train=whole.train[:40_000], held_out=whole.held_out[:8000])


@pytest.fixture(scope="session")
def language_model(corpus: Corpus) -> LanguageModel:
    return train_language_model(SHAPE, PLAN, corpus)


@pytest.fixture(scope="session")
def train_states(language_model: LanguageModel, corpus: Corpus) -> States:
    return states_of(language_model, bytes_tensor(corpus.train), 64, key="train")


@pytest.fixture(scope="session")
def held_states(language_model: LanguageModel, corpus: Corpus, train_states: States) -> States:
    text = bytes_tensor(corpus.held_out)
    return states_of(language_model, text, 8, key="held", factor=train_states.factor)


@pytest.fixture(scope="session")
def linear(train_states: States) -> IMFN:
    """A linear tree of 8 states."""
    torch.manual_seed(0)
    return fit_vectors(train_states.flat, 3)
