"""Any task of lm-evaluation-harness as a suite of ours: run it, and say what came out in the shape of our results."""

import importlib.util
import json
from pathlib import Path

from zhinao.errors import MissingExtraError, UsageError
from zhinao.lang import tr

_NOT_ITEMS = ("_stderr", "alias", "sample_len", "sample_count", "name")


def require() -> None:
    """Raises MissingExtraError where lm-eval is not installed."""
    if importlib.util.find_spec("lm_eval") is None:
        raise MissingExtraError("lm-eval", "lm-eval")


def run_lm_eval(
    tasks: list[str],
    model,
    *,
    include_path: str | Path | None = None,
    limit: int | None = None,
    num_fewshot: int | None = None,
    out: str | Path | None = None,
    apply_chat_template: bool = False,
    is_silent: bool = False,
) -> dict:
    """Run `tasks` (its names of tasks or groups) on `model`: an `api.Model` (load it with `is_lazy`), a name of one, or an LM of lm-eval.

    `include_path`: a folder with YAML tasks. `out`: where `results.json` and `items.jsonl` are written. Returns the results:
    `{"tasks": {"lm-eval:NAME": {"score", "num_items", "interval", "protocol", "metrics"}}}`, `score` being the task's first metric,
    from 0 to 1 as it gives it. Raises MissingExtraError, UsageError for a task that there is not, and what the engine raises.
    """
    require()
    from lm_eval import simple_evaluate

    manager = _manager(tasks, include_path)
    found = simple_evaluate(
        model=_model(model),
        tasks=list(tasks),
        num_fewshot=num_fewshot,
        limit=limit,
        task_manager=manager,
        apply_chat_template=apply_chat_template,
        bootstrap_iters=0 if is_silent else 1000,
    )
    results = as_results(found, limit)
    if out:
        _write(Path(out), results, found)
    return results


def _model(model):
    from lm_eval.api.model import LM

    from zhinao.evaluate.lm_eval.model import ZhinaoLM

    return model if isinstance(model, LM) else ZhinaoLM(model)


def _manager(tasks: list[str], include_path: str | Path | None):
    """Its own tasks are thousands of files, which are read only where they are asked for."""
    from lm_eval.tasks import TaskManager

    if include_path:
        manager = TaskManager(include_path=str(include_path), include_defaults=False)
        if set(tasks) <= set(manager.all_tasks):
            return manager
    manager = TaskManager(include_path=str(include_path) if include_path else None)
    _check_names(tasks, manager)
    return manager


def _check_names(tasks: list[str], manager) -> None:
    from zhinao.near import near

    known = manager.all_tasks
    for name in tasks:
        if name not in known:
            suggestion = near(name, known)
            raise UsageError(
                tr(f"lm-eval has no task {name!r}.", f"lm-eval 中没有任务 {name!r}。"),
                f"lm-eval:{suggestion[0]}" if suggestion else "lm-eval ls tasks",
            )


def as_results(found: dict, limit: int | None = None) -> dict:
    """Its results in our shape; groups stand beside their tasks."""
    tasks = {**found["results"], **(found.get("groups") or {})}
    return {"tasks": {f"lm-eval:{name}": _row(name, values, found, limit) for name, values in tasks.items()}}


def _row(name: str, values: dict, found: dict, limit: int | None) -> dict:
    metrics = {key: value for key, value in values.items() if _is_metric(key, value)}
    first = next(iter(metrics), None)
    score = metrics.get(first)
    error = values.get(first.replace(",", "_stderr,", 1)) if first else None
    counts = (found.get("n-samples") or {}).get(name) or {}
    return {
        "score": score,
        "num_items": counts.get("effective", values.get("sample_len", 0)),
        "interval": _interval(score, error),
        "protocol": _protocol(name, first, found, limit),
        "metrics": metrics,
    }


def _is_metric(key: str, value) -> bool:
    return isinstance(value, int | float) and not any(part in key for part in _NOT_ITEMS)


def _interval(score, error) -> list[float] | None:
    """95 % by its own standard error; None where it gives none."""
    if score is None or not isinstance(error, int | float):
        return None
    return [score - 1.96 * error, score + 1.96 * error]


def _protocol(name: str, metric: str | None, found: dict, limit: int | None) -> str:
    shots = (found.get("n-shot") or {}).get(name)
    version = (found.get("versions") or {}).get(name)
    parts = [f"lm-eval {_version()}", f"task version {version}", f"{shots}-shot", f"metric {metric}"]
    return ", ".join([*parts, *([f"first {limit} items"] if limit else [])])


def _version() -> str:
    from importlib.metadata import version

    return version("lm-eval")


def items(found: dict):
    """One dictionary an item: task, id, prompt hash, output, extracted, grade, log-likelihoods where there are choices."""
    for name, samples in (found.get("samples") or {}).items():
        for sample in samples:
            responses = [response[0] for response in sample["resps"]]
            has_choices = isinstance(responses[0], tuple | list)
            metrics = {key: sample[key] for key in sample.get("metrics", ()) if key in sample}
            yield {
                "task": f"lm-eval:{name}",
                "id": f"{name}/{sample['doc_id']}",
                "prompt_hash": sample["prompt_hash"],
                "output": None if has_choices else responses[0],
                "extracted": None if has_choices else sample["filtered_resps"][0],
                "gold": sample["target"],
                "grade": next(iter(metrics.values()), None),
                "loglikelihoods": [float(response[0]) for response in responses] if has_choices else None,
            }


def _write(out: Path, results: dict, found: dict) -> None:
    from zhinao import files, outfile

    out.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(item, ensure_ascii=False, default=str) for item in items(found)]
    outfile.write_text(out / "items.jsonl", "".join(f"{line}\n" for line in lines))
    files.write_json(out / "results.json", results)
