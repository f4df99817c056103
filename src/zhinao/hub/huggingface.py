"""Models from the Hugging Face hub (or the mirror named in HF_ENDPOINT), found through `huggingface_hub`.

The library lists the files and knows the login; the bytes come by `download.py`, because the library no longer continues
a file after its process was killed.
"""

from pathlib import Path

from zhinao.errors import DownloadError, ModelNotFoundError
from zhinao.hub import http, snapshot
from zhinao.hub.download import Expected, download
from zhinao.hub.offline import not_here
from zhinao.lang import tr
from zhinao.progress import Counter, Reporter


def fetch(hub_id: str, revision: str | None, folder: Path, report: Reporter, with_weights: bool = True) -> dict:
    """Fill `folder` with the model and return where it came from. `revision` is a branch, tag or commit; None is `main`.

    Raises ModelNotFoundError, DownloadError, CheckpointError, DiskError.
    """
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers

    info = _model_info(hub_id, revision)
    listing = [_remote(sibling) for sibling in info.siblings or ()]
    counter = Counter(report, hub_id, snapshot.num_bytes(listing, with_weights))

    def get(file: snapshot.RemoteFile) -> None:
        url = hf_hub_url(hub_id, file.name, revision=info.sha, endpoint=_endpoint())
        download(
            lambda: (url, build_hf_headers()),
            folder / file.name,
            file.expected,
            counter.add,
            label=f"{hub_id}/{file.name}",
        )

    files = snapshot.fetch(hub_id, listing, folder, get, with_weights)
    return {"source": "huggingface", "id": hub_id, "revision": info.sha, "files": files}


def _remote(sibling) -> snapshot.RemoteFile:
    if sibling.lfs:
        return snapshot.RemoteFile(sibling.rfilename, Expected(sibling.lfs.size, sha256=sibling.lfs.sha256))
    return snapshot.RemoteFile(sibling.rfilename, Expected(sibling.size, git_sha1=sibling.blob_id))


def _endpoint() -> str:
    from huggingface_hub import constants

    return constants.ENDPOINT


def _model_info(hub_id: str, revision: str | None):
    """What the hub says of a repository, files with sizes and hashes included."""
    from huggingface_hub import HfApi, errors

    try:
        return HfApi(endpoint=_endpoint()).model_info(
            hub_id, revision=revision, files_metadata=True, timeout=http.TIMEOUT
        )
    except errors.OfflineModeIsEnabled:
        raise not_here(hub_id) from None
    except errors.GatedRepoError:
        raise http.refused(hub_id, 403) from None
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise ModelNotFoundError(
            tr(f"{hub_id}: not on {_endpoint()}, or private.", f"{hub_id}：{_endpoint()} 上没有，或为私有模型。"),
            tr(
                "check the name; for a private model log in with `hf auth login` or set HF_TOKEN",
                "请检查名称；私有模型请用 `hf auth login` 登录或设置 HF_TOKEN",
            ),
        ) from None
    except errors.RevisionNotFoundError:
        raise ModelNotFoundError(
            tr(f"{hub_id}: has no revision {revision}.", f"{hub_id}：没有版本 {revision}。")
        ) from None
    except errors.HfHubHTTPError as error:
        raise http.refused(hub_id, error.response.status_code) from None
    except (errors.HTTPError, OSError) as error:  # pyright: ignore[reportPrivateImportUsage]  # of whatever client the library uses
        raise _no_network(hub_id, http.reason(error)) from None
    except ValueError:
        raise _no_network(hub_id, tr("what answers is no hub", "应答方不是模型 hub")) from None


def _no_network(hub_id: str, why: str) -> DownloadError:
    return DownloadError(
        tr(f"{hub_id}: {_endpoint()} cannot be reached ({why}).", f"{hub_id}：无法连接 {_endpoint()}（{why}）。"),
        tr(
            "check the network; where that hub is blocked, use `--source modelscope` or name a mirror in HF_ENDPOINT",
            "请检查网络；若无法访问该站点，可用 `--source modelscope`，或用 HF_ENDPOINT 指定镜像",
        ),
    )
