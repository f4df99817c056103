"""Runs checks one after the other. Whatever happens in one is that one's result; only Ctrl-C ends the run."""

import http.client
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass

from zhinao.errors import ZhinaoError
from zhinao.lang import tr
from zhinao_contract.contract import Check, Failure, Skip
from zhinao_contract.expect import short
from zhinao_contract.server import Server

PASS, FAIL, SKIP = "pass", "fail", "skip"


class NoServerError(ZhinaoError):
    """Nobody answers at that address, or not in a way that allows to begin."""

    exit_code = 13


@dataclass(frozen=True)
class Result:
    """`message`: what was seen where it failed, why where it was skipped, else empty."""

    id: str
    level: str
    outcome: str
    message: str = ""
    seconds: float = 0.0

    def as_dict(self) -> dict:
        return {**asdict(self), "seconds": round(self.seconds, 3)}


def run_one(check: Check, server: Server) -> Result:
    begun = time.monotonic()
    outcome, message = _outcome(check, server.within(server.timeout))
    return Result(check.id, check.level, outcome, message, time.monotonic() - begun)


def run(checks: Iterable[Check], server: Server, tell: Callable[[Check, Result], None]) -> list[Result]:
    """All results, each told to `tell` when it is there."""
    results = []
    for check in checks:
        results.append(run_one(check, server))
        tell(check, results[-1])
    return results


def _outcome(check: Check, server: Server) -> tuple[str, str]:
    try:
        check.ask(server)
    except Skip as reason:
        return SKIP, str(reason)
    except Failure as failure:
        return FAIL, str(failure)
    except TimeoutError:
        return FAIL, tr("no answer within the time limit (--timeout).", "在时限（--timeout）内没有响应。")
    except (OSError, http.client.HTTPException) as error:
        what = f"{type(error).__name__}: {error}"
        return FAIL, tr(f"the connection broke: {what}", f"连接中断：{what}")
    except Exception as error:  # a reply of a shape that the check could not even read
        where = traceback.extract_tb(error.__traceback__)[-1]
        what = f"{type(error).__name__}: {error} ({where.name}: {where.line})"
        return FAIL, tr(f"the reply has not the expected shape: {what}", f"响应的形状不符合预期：{what}")
    return PASS, ""


def greet(server: Server) -> None:
    """Make sure that somebody answers, that our key is taken, and which model is meant. Raises NoServerError."""
    server = server.within(min(server.timeout, 15))
    place = f"{server.address.host}:{server.address.port}"
    try:
        reply = server.get("/v1/models")
    except (OSError, http.client.HTTPException, Failure) as error:
        raise NoServerError(
            tr(f"{place}: no server answers ({error}).", f"{place}：没有服务器响应（{error}）。"),
            tr("start one: zhinao serve MODEL", "先启动服务：zhinao serve MODEL"),
        ) from None
    if reply.status in (401, 403):
        raise NoServerError(
            tr(f"{place}: the server wants a key ({reply.status}).", f"{place}：服务器需要密钥（{reply.status}）。"),
            "zhinao check-api URL --api-key KEY",
        )
    if reply.status >= 500:
        raise NoServerError(
            tr(
                f"{place}: the server is not ready ({reply.status}): {short(reply.text())}",
                f"{place}：服务器尚未就绪（{reply.status}）：{short(reply.text())}",
            ),
            tr("try again when it is", "请稍后再试"),
        )
    try:
        assert server.model
    except (Failure, KeyError, IndexError, TypeError, AttributeError, AssertionError):
        raise NoServerError(
            tr(f"{place}: /v1/models names no model.", f"{place}：/v1/models 没有列出模型。"),
            "zhinao check-api URL --model NAME",
        ) from None
