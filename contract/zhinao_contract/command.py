"""`zhinao check-api URL`: arguments in, lines and files out. The checks are in `areas/`."""

import datetime
import time
from pathlib import Path

from zhinao import outfile
from zhinao.errors import UsageError
from zhinao.lang import tr
from zhinao_contract import areas, contract, report, runner
from zhinao_contract.server import Server
from zhinao_contract.wire import Address
from zhinao_contract.words import translated


def add_arguments(parser) -> None:
    parser.add_argument(
        "url",
        nargs="?",
        metavar="URL",
        help=translated("the server, like http://127.0.0.1:8360"),
    )
    parser.add_argument("--api-key", metavar="KEY", help=translated("key to send, and to check keys with"))
    parser.add_argument(
        "--model",
        metavar="NAME",
        help=translated("model to ask for (default: the first listed)"),
    )
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="AREA|ID",
        help=translated("only this area or check; repeatable"),
    )
    parser.add_argument("--list", action="store_true", help=translated("list the checks and exit"))
    parser.add_argument(
        "--level",
        choices=list(contract.LEVELS),
        default="M",
        help=translated(
            "which failures count for the exit code: M(ust), S(hould) too, C(ould) too. "
            "0: none; 10, 11, 12: a must, should, could failed; 13: no server (default: M)"
        ),
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=60.0,
        metavar="SECONDS",
        help=translated("for each check (default: 60)"),
    )
    parser.add_argument(
        "--provoke-429",
        action="store_true",
        help=translated("flood the server until it refuses (up to 600 requests at once)"),
    )
    parser.add_argument(
        "--label",
        metavar="NAME",
        help=translated("the server's name in tables (default: model @ URL)"),
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help=translated("write all results as JSON"))
    parser.add_argument("--markdown", type=Path, metavar="FILE", help=translated("write a table"))
    parser.add_argument(
        "--join",
        nargs="+",
        type=Path,
        metavar="FILE",
        help=translated("make one table of results written by --json; asks no server"),
    )


def run(args) -> int:
    """Exit code as `--level` says."""
    if args.list:
        for check in areas.chosen(args.only):
            print(f"{check.level} {check.id:34} {check.title}")
        return 0
    if args.join:
        _show_table([report.read(path) for path in args.join], args.markdown)
        return 0
    return _check(args)


def _check(args) -> int:
    if not args.url:
        raise UsageError(tr("Which server?", "哪个服务器？"), "zhinao check-api http://127.0.0.1:8360")
    if not 0 < args.timeout < 10**6:
        raise UsageError(tr("--timeout must be above 0.", "--timeout 必须大于 0。"), "--timeout 60")
    for path in filter(None, (args.json, args.markdown)):
        outfile.check(path)  # before minutes of questions
    server = Server(
        Address.parse(args.url), args.api_key, args.model, timeout=args.timeout, may_provoke_429=args.provoke_429
    )
    checks = areas.chosen(args.only)
    runner.greet(server)
    begun = time.monotonic()
    results = runner.run(checks, server, report.Lines(len(checks)).tell)
    seconds = time.monotonic() - begun
    print("\n" + "\n".join(report.totals(results)) + f"\n{seconds:.0f} s")
    name = server.within(args.timeout).model
    about = {"label": args.label or f"{name} @ {args.url}", "url": args.url, "model": name}
    record = report.record(results, **about, date=f"{datetime.date.today():%Y-%m-%d}", seconds=round(seconds, 1))
    if args.json:
        report.write(args.json, record)
    if args.markdown:
        report.write_table(args.markdown, [record])
    return report.exit_code(results, args.level)


def _show_table(records: list[dict], path: Path | None) -> None:
    if path:
        report.write_table(path, records)
    else:
        print(report.table(records), end="")
