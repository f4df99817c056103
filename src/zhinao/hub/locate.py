"""What a MODEL argument means: a folder, a GGUF file, a short name, or a hub id; fetched where it is not yet here."""

import hashlib
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from zhinao import family, foreign, oserrors
from zhinao.errors import CheckpointError, ModelNotFoundError
from zhinao.family import Release
from zhinao.hub import cache
from zhinao.hub.offline import is_offline, not_here
from zhinao.hub.source import Plan, plan
from zhinao.lang import tr
from zhinao.near import near
from zhinao.progress import Reporter, shown

_MERGED = "merged"  # the folder inside that a run with --merge writes
_MAX_ADAPTER_BYTES = 2**24
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class LocalModel:
    """A checked checkpoint folder. `name` is how people call it; `release` is None for models that family.py does not know."""

    path: Path
    name: str
    release: Release | None


def resolve(
    model: str,
    *,
    source: str | None = None,
    offline: bool = False,
    revision: str | None = None,
    progress: Reporter | None = None,
) -> LocalModel:
    """The local checkpoint of MODEL, fetched first where needed (see the package's docstring for what MODEL may be).

    `source` is `huggingface` or `modelscope` (default: by the environment). `progress(label, num_done, num_total)` is told
    about bytes; None writes to stderr. Raises ModelNotFoundError, CheckpointError, DownloadError, DiskError, UsageError.
    """
    if (found := local(model, progress)) is not None:
        return found
    chosen = plan_for(model, source, revision)
    if cache.is_kept(chosen.name):
        return _from_cache(chosen.name, model)
    if is_offline(offline):
        raise not_here(model)
    return LocalModel(fetch(chosen, progress), chosen.name, chosen.release)


def resolve_tokenizer(
    model: str, *, source: str | None = None, offline: bool = False, progress: Reporter | None = None
) -> LocalModel:
    """As `resolve`, for those who read no weights: of a model on a hub only its small files are fetched.

    They stay in the unfinished folder that a later `resolve` or `zhinao pull` goes on with.
    """
    if (found := local(model, progress)) is not None:
        return found
    chosen = plan_for(model, source)
    make = chosen.make_small
    if make is None or cache.is_kept(chosen.name):
        return resolve(model, source=source, offline=offline, progress=progress)
    if not cache.is_begun(chosen.name):
        if is_offline(offline):
            raise not_here(model)
        with shown(progress) as report:
            cache.begin(chosen.name, lambda folder: make(folder, report))
    return LocalModel(cache.staging(chosen.name), chosen.name, chosen.release)


def local(model: str, progress: Reporter | None = None) -> LocalModel | None:
    """What MODEL means if it is a folder, a GGUF file, or the name of a kept model that no hub knows; else None."""
    place = Path(model).expanduser()
    if place.is_file():
        return _from_file(place, progress)
    if place.is_dir() and (_is_path(model) or (place / "config.json").exists() or not _is_known(model)):
        return _from_folder(place)
    check_path(model)
    is_hub_name = family.find(model) is not None or _HUB_ID.fullmatch(model)
    return _from_cache(model, model) if not is_hub_name and cache.is_kept(model) else None


def check_path(model: str) -> None:
    """Raises ModelNotFoundError for a MODEL that can only be a path, and of a file or folder that is not there."""
    if _is_path(model) and not (place := Path(model).expanduser()).exists():
        raise ModelNotFoundError(
            tr(f"{model}: no such file or folder.", f"{model}：没有这个文件或目录。"),
            oserrors.near_path(place)
            or tr("`zhinao models` lists those that are here", "`zhinao models` 列出本机已有的模型"),
        )


def plan_for(model: str, source: str | None = None, revision: str | None = None) -> Plan:
    """How to get a MODEL that is not local. Raises ModelNotFoundError, UsageError."""
    release = family.find(model)
    if release is None and not _HUB_ID.fullmatch(model):
        raise unknown(model)
    return plan(model, release, source, revision)


def _is_path(model: str) -> bool:
    return model.startswith((".", "/", "~")) or model.count("/") > 1 or model.endswith((".gguf", "/"))


def _is_known(model: str) -> bool:
    return family.find(model) is not None or cache.is_kept(model)


def _from_folder(folder: Path, name: str | None = None) -> LocalModel:
    from zhinao.model.checkpoint import Checkpoint

    if not (folder / "config.json").exists():
        raise CheckpointError(
            tr(
                f"{folder}: this folder is no model checkpoint (no config.json).",
                f"{folder}：不是模型目录（没有 config.json）。",
            ),
            _hint_for(folder),
        )
    Checkpoint(folder)
    name = name or cache.origin(folder).get("name") or folder.resolve().name
    plain = name.lower().partition("@")[0]  # without a revision
    release = next((r for r in family.RELEASES if plain in (r.short, r.hub_id.lower(), _tail(r))), None)
    return LocalModel(folder, name, release)


def _tail(release: Release) -> str:
    return release.hub_id.lower().partition("/")[2]


def _hint_for(folder: Path) -> str:
    """What may have been meant."""
    if inside := sorted(folder.glob("*.gguf")):
        return tr(f"give the file itself: {inside[0]}", f"请直接指定文件：{inside[0]}")
    if (folder / "adapter_config.json").exists():
        return _hint_for_adapter(folder)
    if inside := sorted(folder.glob("*/config.json")):
        return tr(f"did you mean {inside[0].parent}?", f"是否指 {inside[0].parent}？")
    return tr(
        "`zhinao pull NAME` fetches a model, `zhinao models` lists those that are here",
        "`zhinao pull 名称` 下载模型，`zhinao models` 列出本机已有的模型",
    )


def _hint_for_adapter(folder: Path) -> str:
    """The merged model beside it, else how one is made: an adapter alone answers nothing."""
    if ((whole := folder / _MERGED) / "config.json").exists():
        return tr(
            f"it holds an adapter; merged with its model: {whole}", f"其中是适配器（adapter），合并后的模型：{whole}"
        )
    try:
        base = foreign.read_json(folder / "adapter_config.json", _MAX_ADAPTER_BYTES)["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError):
        base = None
    of = tr(f" of {foreign.shown(str(base))}", f"，属于 {foreign.shown(str(base))}") if base else ""
    return tr(
        f"it holds an adapter{of}; train with `--merge True`, and the whole model is written to {whole}",
        f"其中是适配器（adapter）{of}；训练时加 `--merge True`，完整模型就会写到 {whole}",
    )


def _from_file(file: Path, reporter) -> LocalModel:
    from zhinao.model.checkpoint import Checkpoint

    with file.open("rb") as stream:
        if stream.read(4) != b"GGUF":
            raise CheckpointError(
                tr(
                    f"{file}: neither a checkpoint folder nor a GGUF file.",
                    f"{file}：既不是模型目录，也不是 GGUF 文件。",
                ),
                tr(f"give the folder that holds it: {file.parent}", f"请指定它所在的目录：{file.parent}")
                if file.suffix == ".safetensors"
                else None,
            )
    name = _gguf_name(file)
    path = cache.obtain(name, lambda folder: _rewrite(file, folder, reporter))
    try:
        Checkpoint(path)
    except CheckpointError:  # damaged since it was made; the file is still here to make it anew
        cache.remove(name)
        path = cache.obtain(name, lambda folder: _rewrite(file, folder, reporter))
    return LocalModel(path, file.stem, None)


def _rewrite(file: Path, folder: Path, reporter) -> dict:
    from zhinao.model.gguf import read

    label = tr(f"{file.name}, rewriting", f"{file.name}，转换")
    try:
        with shown(reporter) as report:
            read.rewrite(file, folder, lambda done, total: report(label, done, total))
    except BaseException:  # a half rewriting cannot be continued, so it must not take the room
        shutil.rmtree(folder)
        raise
    return {"source": "gguf", "id": str(file.resolve())}


def _gguf_name(file: Path) -> str:
    """A cache name that changes with the file's place, size or time."""
    stat = file.stat()
    key = f"{file.resolve()} {stat.st_size} {stat.st_mtime_ns}"
    return f"gguf-{file.stem}-{hashlib.sha256(key.encode()).hexdigest()[:10]}"


def _from_cache(name: str, model: str) -> LocalModel:
    try:
        return _from_folder(cache.path(name), name)
    except CheckpointError as error:
        mend = f"zhinao pull {model}"
        raise CheckpointError(error.message, tr(f"mend it with `{mend}`", f"可用 `{mend}` 修复")) from None


def fetch(plan: Plan, reporter: Reporter | None = None) -> Path:
    """Carry out a plan. After Ctrl-C it says that the same command goes on."""
    try:
        with shown(reporter) as report:
            return cache.obtain(plan.name, lambda folder: plan.make(folder, report))
    except KeyboardInterrupt:
        print(
            tr(
                "\nThe part that has come is kept; the same command goes on from there.",
                "\n已下载的部分已保留，重新运行同一命令即可继续。",
            ),
            file=sys.stderr,
        )
        raise


def unknown(model: str) -> ModelNotFoundError:
    """The error for a name that means nothing, with near ones and all short names."""
    shorts = [release.short for release in family.RELEASES]
    names = {kept.name.lower(): kept.name for kept in cache.kept()}
    names |= {word: release.short for release in family.RELEASES for word in (release.short, _tail(release))}
    found = dict.fromkeys(names[word] for word in near(model, names, 3))
    meant = tr(f" Did you mean {' or '.join(found)}?", f" 是否指 {' 或 '.join(found)}？") if found else ""
    return ModelNotFoundError(
        tr(f"{model}: no model of this name.{meant}", f"{model}：没有这个模型。{meant}"),
        tr(
            f"short names: {', '.join(shorts)}; or give a folder, a GGUF file, or a hub id (organisation/name)",
            f"短名：{'、'.join(shorts)}；也可以给出目录、GGUF 文件或 hub id（组织/名称）",
        ),
    )
