"""What the language study measures, and how long things train."""

from dataclasses import dataclass, field, replace

from ..vectors.baselines import Kind
from .language_model import LanguageShape
from .train_language_model import LanguagePlan

#: Baselines that look from one state to another; the MLP of the MNIST study does not.
BASELINES: tuple[Kind, ...] = ("transformer", "mamba")


@dataclass(frozen=True)
class LanguageSettings:
    """What is measured, and how long things train.

    shape, plan: of the language model.   minutes: of processor time for the tree, the student and each
    baseline. kinds: the baselines.   levels: of the tree; its largest ratio is 2**levels.   width: of its
    branches, and of the baselines' tokens.   train_contexts: whose states all compressors learn
    from.   held_contexts: that are measured.   long_states: of the longest memory.   topics_only: of the
    text, for a first look.
    """

    shape: LanguageShape = field(default_factory=LanguageShape)
    plan: LanguagePlan = field(default_factory=LanguagePlan)
    minutes: float = 2.0
    kinds: tuple[Kind, ...] = BASELINES
    levels: int = 6
    width: int = 128
    train_contexts: int = 2048
    held_contexts: int = 96
    long_states: int = 16_384
    topics_only: bool = False
    seed: int = 0

    def quick(self) -> "LanguageSettings":
        """A first look within a minute: a tiny language model, seconds of training, 16:1 and less."""
        return replace(
            self,
            shape=LanguageShape(width=32, lower=1, upper=1, heads=2, context=64),
            plan=replace(self.plan, steps=100),
            minutes=0.05,
            levels=4,
            width=32,
            train_contexts=128,
            held_contexts=16,
            long_states=1024,
            topics_only=True,
        )
