"""The paper's questions, answered by tables and pictures: factorisation, MNIST, language, student, camera"""

from typing import TYPE_CHECKING

from ..system.lazy import lazy_attributes

if TYPE_CHECKING:
    from .camera import CameraResults, camera_models, camera_results, first_half, write_camera
    from .factorisation.budget import check_unseen, one_step_seconds, tree_recipe, tree_share
    from .factorisation.comparison import (
        FactorisationResults,
        compare_networks,
        contenders_of,
        write_factorisation,
    )
    from .factorisation.train_one_step import TrainedOneStep, one_step_recipe, train_one_step
    from .language.results import LanguageResults
    from .language.settings import LanguageSettings
    from .language.study import run_language
    from .mnist.results import MnistResults
    from .mnist.settings import MnistSettings
    from .mnist.study import run_mnist
    from .student.age import AgeRow, age_rows
    from .student.fidelity import FidelityRow, fidelity_rows, mean_fidelity
    from .student.frames import set_compute_threads
    from .student.latency import LatencyRow, latency_rows
    from .student.plot import plot_ages, plot_fidelity, plot_latency
    from .vectors.baselines import KINDS, require_mamba

__all__ = [
    "KINDS",
    "AgeRow",
    "CameraResults",
    "FactorisationResults",
    "FidelityRow",
    "LanguageResults",
    "LanguageSettings",
    "LatencyRow",
    "MnistResults",
    "MnistSettings",
    "TrainedOneStep",
    "age_rows",
    "camera_models",
    "camera_results",
    "check_unseen",
    "compare_networks",
    "contenders_of",
    "fidelity_rows",
    "first_half",
    "latency_rows",
    "mean_fidelity",
    "one_step_recipe",
    "one_step_seconds",
    "plot_ages",
    "plot_fidelity",
    "plot_latency",
    "require_mamba",
    "run_language",
    "run_mnist",
    "set_compute_threads",
    "train_one_step",
    "tree_recipe",
    "tree_share",
    "write_camera",
    "write_factorisation",
]

__getattr__, __dir__ = lazy_attributes(
    __name__,
    {
        "camera": ("CameraResults", "camera_models", "camera_results", "first_half", "write_camera"),
        "factorisation.budget": ("check_unseen", "one_step_seconds", "tree_recipe", "tree_share"),
        "factorisation.comparison": (
            "FactorisationResults",
            "compare_networks",
            "contenders_of",
            "write_factorisation",
        ),
        "factorisation.train_one_step": ("TrainedOneStep", "one_step_recipe", "train_one_step"),
        "language.results": ("LanguageResults",),
        "language.settings": ("LanguageSettings",),
        "language.study": ("run_language",),
        "mnist.results": ("MnistResults",),
        "mnist.settings": ("MnistSettings",),
        "mnist.study": ("run_mnist",),
        "student.age": ("AgeRow", "age_rows"),
        "student.fidelity": ("FidelityRow", "fidelity_rows", "mean_fidelity"),
        "student.frames": ("set_compute_threads",),
        "student.latency": ("LatencyRow", "latency_rows"),
        "student.plot": ("plot_ages", "plot_fidelity", "plot_latency"),
        "vectors.baselines": ("KINDS", "require_mamba"),
    },
)
