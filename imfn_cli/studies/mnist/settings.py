"""What the comparison on MNIST measures."""

from dataclasses import dataclass, field, replace

from ..vectors.baselines import KINDS, Kind
from .probes import ProbePlan

#: Baselines have at least this many times our parameters, as in the paper.
PARAMETERS_FACTOR = 2


@dataclass(frozen=True)
class MnistSettings:
    """What is measured, and how long baselines train.

    kinds: the baselines.   minutes: for each baseline; None: as long as our model was trained, by its card.
    learning_rates: each kind is trained at all of them for seed 0, and at its best of them from then on.
    test_images: how many are used, the first.   seeds: of baselines, test sequences and probes.
    width, layers: of the baselines; more layers where they would be too small.   epochs: of the classifier.
    qualities: of files.   lengths: images of the long sequences.
    """

    kinds: tuple[Kind, ...] = KINDS
    minutes: float | None = None
    learning_rates: tuple[float, ...] = (1e-3,)
    test_images: int = 10_000
    seeds: int = 1
    width: int = 256
    layers: int = 2
    epochs: int = 4
    probes: ProbePlan = field(default_factory=ProbePlan)
    qualities: tuple[int, ...] = (20, 50, 80)
    lengths: tuple[int, ...] = (64, 128, 256, 512, 1024, 2048, 4096, 8192, 10_000, 16_384)

    def quick(self) -> "MnistSettings":
        """A first look within three minutes on two cores: all shorter, only the first learning rate."""
        return replace(
            self,
            minutes=0.3,
            learning_rates=self.learning_rates[:1],
            test_images=2048,
            epochs=1,
            probes=ProbePlan(train=512, epochs=10, test_clips=128),
            qualities=(50,),
            lengths=(64, 256, 1024),
        )
