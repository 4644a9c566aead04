"""Making models as functions: what `imfn train` and `imfn distill` call, and what a notebook can.

    imfn.adapt(["footage/"], "mycam", time_limit=1800)   # train what ships on, on your own footage
    imfn.train("recipe.toml")                            # make a model again by its recipe
    imfn.fit(["footage/"], "mycam2")                     # in closed form, without gradients
    imfn.distill("mycam", ["footage/"], "mycam/student.safetensors")

Everything heavy (torch, PyAV, numpy) is imported by the first call, not with this module. Each takes
`progress`, called as work goes on with (stage, done, in all); those that write a model's card take `command`,
what the card says made it: the call itself unless given.
"""

import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import array_trees, defaults, evaluation, network, training, zoo
from .errors import InputError, ModelError, OutputError
from .reports import DistillReport, FitReport, FloatResults, TrainingData, TrainReport, Validation
from .system.calls import call_text
from .system.files import check_output, replacing, writing
from .version import __version__
from .zoo.folder import CARD_FILE, CONFIG_FILE, STUDENT_FILE, check_free, write_config

if TYPE_CHECKING:
    from .evaluation import FloatRow
    from .media import Source
    from .training import Budget, Distillation, Distilled, Recipe
    from .zoo import Model

#: Called as work goes on: (stage, done, in all).
Progress = Callable[[str, int, int], None]
SAFETENSORS = "safetensors"
#: What a student is written as by its file's ending; all others are safetensors.
FORMATS = {".onnx": "onnx", ".pt2": "torch"}
# More than any run makes: time decides.
_NO_END = 1_000_000
# Part of a time limit for measuring a model on test data.
_TESTING = 0.15


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
    time_limit: seconds for all of it, from reading the data to writing the files: stages take less data or
        fewer steps, and the learning rate is at zero when training ends.   device: as in `load`.
    force: replace a model that is there.   report: called with every validation on held-out windows.

    Checkpoints lie in the folder's `training`; after an interruption `resume` goes on. Under torchrun
    gradients are averaged over the processes, and the first one writes. Raises `InputError` for a recipe or
    data that cannot be read, `ModelError` for a start that does not fit, `OutputError` for the folder.
    """
    budget = training.Budget(time_limit)
    if output is None:
        if not isinstance(recipe, str | Path):
            raise OutputError("a recipe of no file has no folder; say where the model goes with output=")
        output = Path(recipe).parent
    _check_free(output, force=force)
    changes = {"start": start, "steps": steps, "test": tuple(test) or None, "seed": seed}
    given = recipe if isinstance(recipe, str | Path) else training.RECIPE_FILE
    command = command or call_text("imfn.train", given, output, **changes, time_limit=time_limit)
    read = training.read_recipe(Path(recipe)) if isinstance(recipe, str | Path) else recipe
    wanted = training.changed(read, **changes)
    return _train(wanted, Path(output), budget, False, device, checkpoint_seconds, progress, report, command)


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
    budget = training.Budget(time_limit)
    _check_free(output, force=force)
    command = command or call_text(
        "imfn.adapt", footage, output, start=start, time_limit=time_limit, steps=steps
    )
    if steps is None and time_limit is not None:
        steps = _NO_END
    given: dict[str, Any] = {"seed": seed, "test": tuple(test)} | ({} if steps is None else {"steps": steps})
    recipe = training.recipe_for(footage, start or zoo.default_model(), **given)
    return _train(recipe, Path(output), budget, False, device, checkpoint_seconds, progress, report, command)


def resume(
    output: str | Path,
    *,
    time_limit: float | None = None,
    device: str = "auto",
    checkpoint_seconds: float = defaults.CHECKPOINT_SECONDS,
    progress: Progress = _silent,
    report: Callable[[Validation], None] = _silent,
    command: str | None = None,
) -> TrainReport | FitReport:
    """Go on with the run in a model's folder, as it was begun: `train`, `adapt` or `fit`.

    What its stages made is not made again. time_limit: seconds in all, those before the interruption
    included, instead of the run's own. Raises `InputError` if none was begun.
    """
    budget, output = training.Budget(time_limit), Path(output)
    about = training.begun_with(output)
    budget.limit = about["limit"] if time_limit is None else time_limit
    command = command or call_text("imfn.resume", output, time_limit=time_limit)
    if "fit" in about:
        return _fit(about["fit"], output, budget, True, progress, command)
    recipe = training.Recipe.from_dict(tomllib.loads(about["recipe"]), str(output))
    return _train(recipe, output, budget, True, device, checkpoint_seconds, progress, report, command)


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
    time_limit: float | None = None,
    force: bool = False,
    progress: Progress = _silent,
    command: str | None = None,
) -> FitReport:
    """Fit a linear model in closed form (Karhunen–Loève), and write its folder.

    data: sequences, or folders of them.   test: held-out ones to measure the model on.
    levels: of merges; the largest ratio is 2**levels. Of footage without so many frames in a row fewer.
    patch: its side in pixels.   channels: numbers for each patch in every memory, all that it has unless
    given.   gray: one channel instead of RGB.   time_limit: as in `train`; `resume` goes on as well.

    Where `output` ends in .safetensors, data are arrays (.npy, .npz, TIFF, HDF5, Zarr) of any type and
    channels, and the model is one file, for `compress(array, model=file)`; patch and channels follow from
    the arrays then, and levels alone counts.

    Raises `InputError` for data that cannot be read or has no two frames in a row, `ModelError` for a shape
    that cannot be, `OutputError` for the folder.
    """
    if Path(output).suffix.lower() == f".{SAFETENSORS}":
        command = command or call_text("imfn.fit", data, output, levels=levels)
        return array_trees.fit_array_model(
            data, Path(output), levels=levels, force=force, command=command, progress=progress
        )
    budget = training.Budget(time_limit)
    _check_free(output, force=force)
    shape = {"levels": levels, "patch": patch, "channels": channels, "gray": gray or None}
    command = command or call_text("imfn.fit", data, output, **shape)
    colours = 1 if gray else 3
    config = network.IMFNConfig(patch, patch, colours, channels or patch * patch * colours, levels)
    about = {"data": list(data), "test": list(test), "network": config.to_dict(), "seed": seed}
    return _fit(about, Path(output), budget, False, progress, command)


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
    ratio: of a program, or of a linear student.   steps: of gradient descent.   time_limit: seconds for all
        of it, reading the data and measuring the student included; those of interrupted runs count.
    width, blocks: of the learned update.   crop: side in pixels of what a step sees.
    memory_gb: most decoded frames at a time, in 10^9 bytes.   device, force: as in `train`.
    resume: go on with the run that was to write `output`, from its last checkpoint, with its data and
        options; only another time_limit counts.

    Raises `ModelError` where there is nothing to write or no data to learn from, `InputError` for data that
    cannot be read, `RatioError`, `OutputError`, and `ImfnError` where a program needs a package.
    """
    budget, output = training.Budget(time_limit), Path(output)
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
        budget.limit = run.limit
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
            budget=budget,
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


def _fit(
    about: dict[str, Any],
    output: Path,
    budget: "Budget",
    going_on: bool,
    progress: Progress,
    command: str,
) -> FitReport:
    data, test = about["data"], about["test"]
    sources, held_out = training.sources_of(data), training.sources_of(test)
    if not sources:
        raise InputError("no sequence found; name files or directories to fit to")
    training.disjoint(sources, held_out)
    config = network.IMFNConfig.from_dict(about["network"])
    _make_folder(output)
    stages = training.Stages(output, budget)
    run = {"fit": about, "limit": budget.limit}
    if going_on:
        stages.go_on(run)
    else:
        stages.begin(run)
    after = _TESTING if held_out else 0.0
    made = training.fit_linear(
        sources, config, seed=about["seed"], stages=stages, after=after, progress=progress
    )
    result = FitReport(
        path=str(output),
        name=output.resolve().name,
        kind="linear",
        tool=f"imfn {__version__}",
        command=command,
        data=TrainingData(training.short_names(data), made.clips, made.frames),
        seconds=round(budget.spent),
        hardware=training.hardware_and_torch("cpu"),
        notes=made.notes + _late(budget),
    )
    zoo.save(output, made.network, made.entropy, result.description())
    if held_out:
        (psnr,), clips = _psnr_float([zoo.load(output)], held_out, budget, progress)
        result = replace(result, results=FloatResults(training.short_names(test), clips, psnr))
        write_config(output, result.description(), made.network.config.to_dict())
    _write(output / CARD_FILE, zoo.linear_card(result.name, made.network.config, result.description()))
    stages.remove()
    return result


def _train(
    recipe: "Recipe",
    output: Path,
    budget: "Budget",
    going_on: bool,
    device: str,
    checkpoint_seconds: float,
    progress: Progress,
    report: Callable[[Validation], None],
    command: str,
) -> TrainReport:
    place = training.device_of(device)
    _make_folder(output)
    tested = bool(recipe.test) and not recipe.shuffled
    with training.joined(place) as processes:
        made = training.train_model(
            recipe,
            output,
            processes,
            device=place,
            budget=budget,
            resume=going_on,
            after=_TESTING if tested else 0.0,
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
        notes=made.notes + _late(budget),
    )
    # Of several processes the first one writes.
    if made.entropy is None:
        return result
    config = made.network.config
    zoo.save(output, made.network, made.entropy, result.description())
    if tested:
        held_out = training.sources_of(recipe.test)
        after = zoo.load(output, device=device)
        before = replace(after, network=made.start.to(after.device))
        (psnr, psnr_before), clips = _psnr_float([after, before], held_out, budget, progress)
        names = training.short_names(recipe.test)
        result = replace(result, results=FloatResults(names, clips, psnr, psnr_before))
        write_config(output, result.description(), config.to_dict())
    _write(output / CARD_FILE, zoo.trained_card(result.name, config, result.description()))
    _write(output / training.RECIPE_FILE, recipe.to_toml())
    return result


def _late(budget: "Budget") -> tuple[str, ...]:
    """What to tell where the least that a run does took longer than its limit."""
    if budget.limit is None or budget.spent <= 1.1 * budget.limit:
        return ()
    return (f"a limit of {budget.limit:g} s is less than a run takes here, {budget.spent:.0f} s at least",)


def _psnr_float(
    models: "Sequence[Model]", held_out: "Sequence[Source]", budget: "Budget", progress: Progress
) -> tuple[list[dict[int, float]], int]:
    """Ratio → PSNR in dB of each model, and the clips that there was time to measure all of them on."""
    over = budget.over(_TESTING)
    rows: list[list[FloatRow]] = [[] for _ in models]
    clips = 0
    for clip in held_out:
        progress("PSNR with float memories", clips, len(held_out))
        for found, model in zip(rows, models, strict=True):
            found += evaluation.float_rows(model, [clip])
        clips += 1
        if over():
            break
    means = [evaluation.mean_by_ratio(found) for found in rows]
    return [{ratio: round(value, 2) for ratio, value in mean.items()} for mean in means], clips


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


def _check_free(folder: str | Path, *, force: bool) -> None:
    """Raise `OutputError` where `folder` holds a model, or a run that has made none yet, without `force`."""
    check_free(folder, force=force)
    training.check_unfinished(Path(folder), CONFIG_FILE, force=force)


def _make_folder(folder: Path) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)


def _write(path: Path, text: str) -> None:
    with replacing(path, force=True) as temporary, writing(path):
        temporary.write_text(text, encoding="utf-8")
