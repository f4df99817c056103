"""Models from ModelScope, through its own client `modelscope_hub`: it lists, continues, retries and shows its own bar."""

from pathlib import Path

from zhinao.errors import DownloadError, MissingExtraError, ModelNotFoundError
from zhinao.files import sha256
from zhinao.hub import snapshot
from zhinao.hub.download import Expected
from zhinao.lang import tr
from zhinao.progress import Reporter


def fetch(hub_id: str, revision: str | None, folder: Path, report: Reporter, with_weights: bool = True) -> dict:
    """Fill `folder` with the model and return where it came from. `revision` None is `master`.

    Raises MissingExtraError, ModelNotFoundError, DownloadError, CheckpointError, DiskError.
    """
    try:
        import modelscope_hub  # pyright: ignore[reportMissingImports]  # an extra of its own
    except ImportError:
        raise MissingExtraError(tr("The client of ModelScope", " ModelScope 的客户端"), "modelscope") from None

    try:
        api = modelscope_hub.HubApi()
        listing = [
            snapshot.RemoteFile(info.path, Expected(info.size, sha256=info.sha256))
            for info in api.list_repo_files(hub_id, "model", revision=revision)
            if not info.is_dir
        ]

        def get(file: snapshot.RemoteFile) -> None:
            target = folder / file.name
            if target.exists() and not _is_whole(target, file.expected):
                target.unlink()
            api.download_file(
                hub_id,
                "model",
                file.name,
                revision=revision,
                local_dir=folder,
                expected_sha256=file.expected.sha256,
                file_size=file.expected.size,
            )
            if not _is_whole(target, file.expected):
                target.unlink(missing_ok=True)
                raise _failed(hub_id, tr(f"{file.name} is not what was announced", f"{file.name} 与声明不符"))

        files = snapshot.fetch(hub_id, listing, folder, get, with_weights)
    except modelscope_hub.NotExistError:
        raise ModelNotFoundError(
            tr(
                f"{hub_id}: not on ModelScope, or no revision {revision or 'master'}.",
                f"{hub_id}：ModelScope 上没有，或没有版本 {revision or 'master'}。",
            ),
            tr("check the name, or try `--source huggingface`", "请检查名称，或改用 `--source huggingface`"),
        ) from None
    except (modelscope_hub.AuthenticationError, modelscope_hub.PermissionDeniedError) as error:
        raise DownloadError(
            tr(
                f"{hub_id}: access refused by ModelScope (HTTP {error.status_code}).",
                f"{hub_id}：ModelScope 拒绝访问（HTTP {error.status_code}）。",
            ),
            tr("log in with `ms-hub login`", "请用 `ms-hub login` 登录"),
        ) from None
    except modelscope_hub.NetworkError:
        raise _failed(hub_id, tr("it cannot be reached", "无法连接")) from None
    except modelscope_hub.HubError as error:
        raise _failed(hub_id, getattr(error, "message", None) or str(error)) from None
    return {"source": "modelscope", "id": hub_id, "revision": revision or "master", "files": files}


def _is_whole(file: Path, expected: Expected) -> bool:
    if not file.is_file() or (expected.size and file.stat().st_size != expected.size):
        return False
    return expected.sha256 is None or sha256(file) == expected.sha256


def _failed(hub_id: str, why: str) -> DownloadError:
    return DownloadError(
        tr(f"{hub_id}: ModelScope's client failed: {why}.", f"{hub_id}：ModelScope 客户端失败：{why}。"),
        tr("run the same command again; it goes on with what has come", "重新运行同一命令即可继续"),
    )
