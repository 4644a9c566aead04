"""Making models as functions: what `imfn train` and `imfn distill` call, and what a notebook can.

    imfn.adapt(["footage/"], "mycam", time_limit=1800)   # train what ships on, on your own footage
    imfn.train("recipe.toml")                            # make a model again by its recipe
    imfn.fit(["footage/"], "mycam2")                     # in closed form, without gradients
    imfn.distill("mycam", ["footage/"], "mycam/student.safetensors")

Everything heavy (torch, PyAV, numpy) is imported by the first call, not with this module. Each takes
`progress`, called as work goes on with (stage, done, in all); those that write a model's card take `command`,
what the card says made it: the call itself unless given.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import defaults, evaluation, network, training, zoo
from .errors import InputError, ModelError, OutputError
from .reports import DistillReport, FitReport, FloatResults, TrainingData, TrainReport, Validation
from .system.calls import call_text
from .system.files import check_output, replacing, writing
from .version import __version__
from .zoo.folder import CARD_FILE, STUDENT_FILE, check_free, write_config

if TYPE_CHECKING:
    from .media import Source
    from .training import Distillation, Distilled, Recipe
    from .zoo import Model

#: Called as work goes on: (stage, done, in all).
Progress = Callable[[str, int, int], None]
SAFETENSORS = "safetensors"
#: What a student is written as by its file's ending; all others are safetensors.
FORMATS = {".onnx": "onnx", ".pt2": "torch"}
# More than any run makes: time decides.
_NO_END = 1_000_000


def _silent(*_: object) -> None: ...


def train(
    recipe: "Recipe | str | Path",
    output: str | Path | None = None,
    *,
    start: str | None = None,
    time_limit: float | None = None,
    steps: int | None = None,
    test: Sequence[str] = (),
    seed: int | None = None,
    device: str = "auto",
    force: bool = False,
    checkpoint_seconds: float = defaults.CHECKPOINT_SECONDS,
    progress: Progress = _silent,
    report: Callable[[Validation], None] = _silent,
    command: str | None = None,
) -> TrainReport:
    """Train a model by a recipe, and write its folder: configuration, weights, recipe, model card.

    recipe: a `recipe.toml`, or what `training.read_recipe` gave.   output: the folder; the recipe's own
        unless given.   start, steps, test, seed: instead of the recipe's.
    time_limit: seconds of training; the learning rate is at zero by then.   device: as in `load`.
    force: replace a model that is there.   report: called with every validation on held-out windows.

    Checkpoints lie in the folder's `training`; after an interruption `resume` goes on. Under torchrun
    gradients are averaged over the processes, and the first one writes. Raises `InputError` for a recipe or
    data that cannot be read, `ModelError` for a start that does not fit, `OutputError` for the folder.
    """
    if output is None:
        if not isinstance(recipe, str | Path):
            raise OutputError("a recipe of no file has no folder; say where the model goes with output=")
        output = Path(recipe).parent
    check_free(output, force=force)
    changes = {"start": start, "steps": steps, "test": tuple(test) or None, "seed": seed}
    given = recipe if isinstance(recipe, str | Path) else training.RECIPE_FILE
    command = command or call_text("imfn.train", given, output, **changes, time_limit=time_limit)
    read = training.read_recipe(Path(recipe)) if isinstance(recipe, str | Path) else recipe
    wanted = training.changed(read, **changes)
    return _train(
        wanted, Path(output), time_limit, False, device, checkpoint_seconds, progress, report, command
    )


def adapt(
    footage: Sequence[str],
    output: str | Path,
    *,
    start: str | None = None,
    time_limit: float | None = None,
    steps: int | None = None,
    test: Sequence[str] = (),
    seed: int = 0,
    device: str = "auto",
    force: bool = False,
    checkpoint_seconds: float = defaults.CHECKPOINT_SECONDS,
    progress: Progress = _silent,
    report: Callable[[Validation], None] = _silent,
    command: str | None = None,
) -> TrainReport:
    """Adapt a model to footage of your own: train on from `start`, by default the best that ships.

    footage: sequences, or folders of them.   steps: of the optimiser, at most; with only a time limit, time
    decides. All else as in `train`, and what it raises; `ModelError` too where there is no such model.
    """
    check_free(output, force=force)
    command = command or call_text(
        "imfn.adapt", footage, output, start=start, time_limit=time_limit, steps=steps
    )
    if steps is None and time_limit is not None:
        steps = _NO_END
    given: dict[str, Any] = {"seed": seed, "test": tuple(test)} | ({} if steps is None else {"steps": steps})
    recipe = training.recipe_for(footage, start or zoo.default_model(), **given)
    return _train(
        recipe, Path(output), time_limit, False, device, checkpoint_seconds, progress, report, command
    )


def resume(
    output: str | Path,
    *,
    time_limit: float | None = None,
    device: str = "auto",
    checkpoint_seconds: float = defaults.CHECKPOINT_SECONDS,
    progress: Progress = _silent,
    report: Callable[[Validation], None] = _silent,
    command: str | None = None,
) -> TrainReport:
    """Go on with the training run in a model's folder, by the recipe that it was started with.

    time_limit: seconds of training in all, instead of the run's own. Raises `InputError` if none was begun.
    """
    recipe, remembered = training.resumed_recipe(Path(output))
    command = command or call_text("imfn_cli.workflows.resume", output, time_limit=time_limit)
    limit = remembered if time_limit is None else time_limit
    return _train(recipe, Path(output), limit, True, device, checkpoint_seconds, progress, report, command)


def fit(
    data: Sequence[str],
    output: str | Path,
    *,
    test: Sequence[str] = (),
    levels: int = 6,
    patch: int = 8,
    channels: int | None = None,
    gray: bool = False,
    seed: int = 0,
    force: bool = False,
    progress: Progress = _silent,
    command: str | None = None,
) -> FitReport:
    """Fit a linear model in closed form (Karhunen–Loève), and write its folder.

    data: sequences, or folders of them.   test: held-out ones to measure the model on.
    levels: of merges; the largest ratio is 2**levels.   patch: its side in pixels.   channels: numbers for
    each patch in every memory, all that it has unless given.   gray: one channel instead of RGB.

    Raises `InputError` for data that cannot be read or is too short, `ModelError` for a shape that cannot be,
    `OutputError` for the folder.
    """
    check_free(output, force=force)
    output = Path(output)
    shape = {"levels": levels, "patch": patch, "channels": channels, "gray": gray or None}
    command = command or call_text("imfn.fit", data, output, **shape)
    sources, held_out = training.sources_of(data), training.sources_of(test)
    if not sources:
        raise InputError("no sequence found; name files or directories to fit to")
    training.disjoint(sources, held_out)
    colours = 1 if gray else 3
    config = network.IMFNConfig(patch, patch, colours, channels or patch * patch * colours, levels)
    began = time.perf_counter()
    made = training.fit_linear(sources, config, seed=seed, progress=progress)
    result = FitReport(
        path=str(output),
        name=output.resolve().name,
        kind="linear",
        tool=f"imfn {__version__}",
        command=command,
        data=TrainingData(training.short_names(data), made.clips, made.frames),
        seconds=round(time.perf_counter() - began),
        hardware=training.hardware_and_torch("cpu"),
    )
    _make_folder(output)
    zoo.save(output, made.network, made.entropy, result.description())
    if held_out:
        psnr = _psnr_float(zoo.load(output), held_out, progress)
        result = replace(result, results=FloatResults(training.short_names(test), len(held_out), psnr))
        write_config(output, result.description(), config.to_dict())
    _write(output / CARD_FILE, zoo.linear_card(result.name, config, result.description()))
    return result


def distill(
    model: "Model | str | Path",
    data: Sequence[str] = (),
    output: str | Path = STUDENT_FILE,
    *,
    kind: str | None = None,
    ratio: int = defaults.RATIO,
    steps: int = 2000,
    time_limit: float | None = None,
    width: int = 96,
    blocks: int = 2,
    crop: int = 96,
    memory_gb: float = 2.0,
    seed: int = 0,
    resume: bool = False,
    device: str = "auto",
    force: bool = False,
    checkpoint_seconds: float = defaults.CHECKPOINT_SECONDS,
    progress: Progress = _silent,
) -> DistillReport:
    """Distil a model into its student, and write that: one update per frame, one memory.

    A linear model's student is exact and follows from its weights. What a learned model's merges do beyond is
    learned from `data` (sequences, or folders of them), for all ratios at once.

    output: the file; `student.safetensors` belongs into the model's folder.   kind: "safetensors", or one
        step as a program: "onnx", "torch". By the file's ending unless given.
    ratio: of a program, or of a linear student.   steps, time_limit (seconds): of gradient descent.
    width, blocks: of the learned update.   crop: side in pixels of what a step sees.
    memory_gb: most decoded frames at a time, in 10^9 bytes.   device, force: as in `train`.
    resume: go on with the run that was to write `output`, from its last checkpoint, with its data and
        options; only another time_limit counts.

    Raises `ModelError` where there is nothing to write or no data to learn from, `InputError` for data that
    cannot be read, `RatioError`, `OutputError`, and `ImfnError` where a program needs a package.
    """
    output = Path(output)
    kind = kind or FORMATS.get(output.suffix.lower(), SAFETENSORS)
    check_output(output, force=force)
    if kind != SAFETENSORS:
        training.require_packages(kind)
    run = training.Distillation(
        tuple(data), steps, time_limit, width=width, blocks=blocks, crop=crop, memory_gb=memory_gb, seed=seed
    )
    checkpoint = output.with_name(f"{output.name}.checkpoint")
    if resume:
        run = training.resumed_distillation(checkpoint, time_limit)
    # Programs are made on the CPU; they run anywhere.
    place = device if kind == SAFETENSORS or run.data else "cpu"
    loaded = model if isinstance(model, zoo.Model) else zoo.load(model, device=place)
    network.level_of_ratio(ratio, loaded.network.config.levels)
    exact = network.Student.is_exact(loaded.network.config)
    if kind == SAFETENSORS:
        _check_worth_a_file(loaded, exact, run)
    made: Distilled | None = None
    if run.data and not exact:
        made = training.distil(
            loaded.network,
            loaded.sha256,
            run,
            checkpoint,
            checkpoint_seconds=checkpoint_seconds,
            resume=resume,
            progress=progress,
        )
    difference = _write_student(output, kind, loaded, ratio, made, force)
    if made is not None:
        checkpoint.unlink(missing_ok=True)
    return DistillReport(
        path=str(output),
        format=kind,
        model=loaded.name,
        bytes=output.stat().st_size,
        learned=made is not None and made.update is not None,
        ratio=None if difference is None else ratio,
        difference=difference,
        **({} if made is None else vars(made.source)),
    )


# -- training ----------------------------------------------------------------------------------------------


def _train(
    recipe: "Recipe",
    output: Path,
    limit: float | None,
    going_on: bool,
    device: str,
    checkpoint_seconds: float,
    progress: Progress,
    report: Callable[[Validation], None],
    command: str,
) -> TrainReport:
    place = training.device_of(device)
    _make_folder(output)
    with training.joined(place) as processes:
        made = training.train_model(
            recipe,
            output,
            processes,
            device=place,
            limit=limit,
            resume=going_on,
            checkpoint_seconds=checkpoint_seconds,
            progress=progress,
            report=report,
        )
    result = TrainReport(
        path=str(output),
        name=output.resolve().name,
        kind="trained",
        tool=f"imfn {__version__}",
        command=command,
        start=recipe.start or "closed form (Karhunen–Loève) on the same data",
        data=TrainingData(training.short_names(recipe.train), made.clips, made.frames),
        steps=made.steps,
        seconds=round(made.seconds),
        hardware=training.hardware_and_torch(place),
        evaluations=made.evaluations,
    )
    # Of several processes the first one writes.
    if made.entropy is None:
        return result
    config = made.network.config
    zoo.save(output, made.network, made.entropy, result.description())
    if recipe.test and not recipe.shuffled:
        held_out = training.sources_of(recipe.test)
        after = zoo.load(output, device=device)
        before = replace(after, network=made.start.to(after.device))
        psnr, psnr_before = (_psnr_float(model, held_out, progress) for model in (after, before))
        names = training.short_names(recipe.test)
        result = replace(result, results=FloatResults(names, len(held_out), psnr, psnr_before))
        write_config(output, result.description(), config.to_dict())
    _write(output / CARD_FILE, zoo.trained_card(result.name, config, result.description()))
    _write(output / training.RECIPE_FILE, recipe.to_toml())
    return result


def _psnr_float(model: "Model", held_out: "Sequence[Source]", progress: Progress) -> dict[int, float]:
    means = evaluation.mean_by_ratio(evaluation.float_rows(model, held_out, progress=progress))
    return {ratio: round(value, 2) for ratio, value in means.items()}


# -- students ----------------------------------------------------------------------------------------------


def _check_worth_a_file(model: "Model", exact: bool, run: "Distillation") -> None:
    if exact and not model.network.config.is_linear:
        raise ModelError(
            f"model {model.name!r}: its student follows from the weights, so it needs no file; "
            "for other programs write one step with -o student.onnx"
        )
    if not exact and not run.data:
        raise ModelError(
            f"model {model.name!r} has branches: its student is learned; name DATA to learn from"
        )


def _write_student(
    output: Path, kind: str, model: "Model", ratio: int, made: "Distilled | None", force: bool
) -> float | None:
    """Write a student's file, or one step as a program; of that its difference to torch is returned."""
    update = None if made is None else made.update
    if kind == SAFETENSORS:
        linear = {ratio: model.student(ratio)} if made is None else None
        about = {} if made is None else made.source.to_dict()
        zoo.write_student(
            output, model.name, model.sha256, update=update, linear=linear, about=about, force=force
        )
        return None
    if made is None:
        student = model.student(ratio)
    else:
        level = network.level_of_ratio(ratio, model.network.config.levels)
        student = network.Student(model.network, level, update).cpu()
    return training.export_step(student, output, kind, force=force)


# -- files -------------------------------------------------------------------------------------------------


def _make_folder(folder: Path) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _write(path: Path, text: str) -> None:
    with replacing(path, force=True) as temporary, writing(path):
        temporary.write_text(text, encoding="utf-8")
