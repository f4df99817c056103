"""A report in the terminal: a stacked bar of memory, the time, and the verdict as one sentence."""

from rich.console import Console
from rich.text import Text

from zhinao.lang import counted, tr
from zhinao.plan import sharing
from zhinao.plan.devices import GIB
from zhinao.plan.memory import PARTS
from zhinao.plan.plan import Plan
from zhinao.plan.report import Report

# part -> what it is called, and a colour and a sign of its own, so that the bar reads without colours too
_PARTS = {
    "weights": ("weights", "权重", "blue", "█"),
    "gradients": ("gradients", "梯度", "magenta", "▓"),
    "optimizer": ("optimizer", "优化器", "cyan", "▒"),
    "activations": ("activations", "激活", "yellow", "▚"),
    "head": ("last layer", "输出层", "green", "▞"),
    "framework": ("framework", "框架", "white", "▪"),
}
_MOMENTS = {
    "forward": ("when the loss is computed", "计算损失时"),
    "backward": ("when the backward pass begins", "反向传播开始时"),
    "embedding": ("when the backward pass ends", "反向传播结束时"),
    "step": ("when the optimizer runs", "优化器更新时"),
}
_WIDTH = 60
_FILLS = 2048  # tokens of a batch from which matrix products run at the speed that is assumed


def report(result: Report, console: Console | None = None) -> None:
    console = console or Console(highlight=False, soft_wrap=True)
    for line in (*_head(result.plan), *_bar(result.plan), *_measured(result)):
        console.print(line)
    for note in (*result.notes, *_small(result.plan)):
        console.print(Text(note, style="dim"))
    for line in (*_time(result.plan), *_verdict(result)):
        console.print(line)


def gib(num_bytes: float) -> str:
    return f"{num_bytes / GIB:.1f}"


def _head(plan: Plan) -> list[Text]:
    settings, work, pace = plan.settings, plan.work, plan.pace
    method = settings.method if settings.is_adapter else tr("full fine-tuning", "全参数微调")
    words = [
        f"{settings.model_name_or_path}, {plan.sizes.total / 1e9:.2f}B",
        method,
        "bf16" if settings.bf16 else "fp16" if settings.fp16 else "float32",
        tr("checkpointing", "梯度检查点")
        if settings.gradient_checkpointing
        else tr("no checkpointing", "无梯度检查点"),
    ]
    lines = [Text(" · ".join(words), style="bold")]
    if not work.is_assumed:
        lines.append(
            Text(
                tr(
                    f"{counted(work.num_documents, 'document')}, {counted(work.num_tokens, 'token')} ({work.num_supervised:,} learned) in "
                    f"{counted(work.num_rows, 'row')}; {counted(pace.num_steps, 'step')}",
                    f"{work.num_documents:,} 个文档，{work.num_tokens:,} 个 token（训练 {work.num_supervised:,} 个），"
                    f"共 {work.num_rows:,} 行；{pace.num_steps:,} 步",
                )
            )
        )
    heaviest, num = work.heaviest, len(work.heaviest.lengths)
    lines.append(
        Text(
            tr(
                f"heaviest batch: {counted(heaviest.num_tokens, 'token')} in {counted(num, 'document')}, {heaviest.num_supervised:,} learned",
                f"最重的一批：{num} 个文档 {heaviest.num_tokens:,} 个 token，训练 {heaviest.num_supervised:,} 个",
            )
        )
    )
    return lines


def _bar(plan: Plan) -> list[Text]:
    """The stack against the device's memory, and what each part is."""
    stack = plan.stack
    scale = _WIDTH / max(stack.total, plan.capacity)
    bar, legend, used = Text(), Text(), 0.0
    for part in PARTS:
        english, chinese, colour, sign = _PARTS[part]
        before, used = round(used), used + stack.parts[part] * scale
        bar.append(sign * (round(used) - before), style=colour)
        legend.append(f"{sign} ", style=colour)
        legend.append(f"{tr(english, chinese)} {gib(stack.parts[part])}   ")
    border = round(plan.capacity * scale)
    bar.append("·" * max(0, border - round(used)), style="dim")
    how = sharing.mode(plan.settings, plan.num_devices)
    how = tr("single", "单进程") if how == "single" else how
    title = tr(f"{plan.num_devices} × {plan.device.title}, {how}", f"{plan.num_devices} × {plan.device.title}，{how}")
    of = tr(
        f" {gib(stack.total)} of {gib(plan.capacity)} GiB each, {tr(*_MOMENTS[stack.moment])}",
        f" 每个进程 {gib(stack.total)} / {gib(plan.capacity)} GiB，峰值在{tr(*_MOMENTS[stack.moment])}",
    )
    lines = [Text(title, style="bold"), bar.append(of), legend]
    if stack.host:
        each, whole = gib(stack.host), gib(stack.host * plan.num_devices)
        lines.append(
            Text(
                tr(f"and in the host's memory {each} GiB each, {whole} GiB in all", f"另需主机内存：每进程 {each} GiB，共 {whole} GiB"),
                style="yellow",
            )
        )  # fmt: skip
    return lines


def _measured(result: Report) -> list[Text]:
    if result.measured is None:
        return []
    plan, measured = result.plan, result.measured
    ratio = plan.stack.total / measured.peak_bytes - 1
    return [
        Text(
            tr(
                f"predicted {gib(plan.stack.total)} GiB, measured {gib(measured.peak_bytes)} GiB ({ratio:+.0%}); "
                f"{measured.tokens_per_second:,.0f} tokens/s in the fastest of three steps",
                f"估算 {gib(plan.stack.total)} GiB，实测 {gib(measured.peak_bytes)} GiB（{ratio:+.0%}）；"
                f"三步中最快 {measured.tokens_per_second:,.0f} token/s",
            ),
            style="bold",
        )
    ]


def _time(plan: Plan) -> list[Text]:
    """How fast it goes, how long it takes where there are data, and who says so."""
    pace, device = plan.pace, plan.device
    line = tr(f"{pace.tokens_per_second:,.0f} tokens/s", f"{pace.tokens_per_second:,.0f} token/s")
    if pace.hours is not None:
        line += tr(f", {pace.hours:.2f} hours", f"，{pace.hours:.2f} 小时")
    source = {
        "measured": tr("speed as measured", "速度为实测值"),
        "given": tr("speed as given", "速度为给定值"),
        "estimated": tr(
            f"speed assumes {device.efficiency:.0%} of the peak ({device.source[0]}); --measure or --tokens_per_second replaces that",
            f"速度按峰值的 {device.efficiency:.0%} 估算（{device.source[1]}）；可用 --measure 实测或用 --tokens_per_second 给定",
        ),
    }[pace.source]
    return [Text(line), Text(tr(f"{source}.", f"{source}。"), style="dim")]


def _small(plan: Plan) -> list[str]:
    """A GPU is not filled by a few hundred tokens at once."""
    rows, size = plan.work.num_rows, plan.settings.per_device_train_batch_size
    num_tokens = round(plan.work.num_tokens * size / rows)
    if plan.device.is_cpu or plan.work.is_assumed or num_tokens >= _FILLS:
        return []
    advice = "" if plan.settings.is_concat else tr(" --is_concat True fills rows.", " --is_concat True 可填满每行。")
    return [
        tr(
            f"Batches hold {num_tokens:,} tokens on average, too few to fill a GPU: real speed will be lower.",
            f"每批平均只有 {num_tokens:,} 个 token，不足以填满 GPU，实际速度会更低。",
        )
        + advice
    ]


def _verdict(result: Report) -> list[Text]:
    plan = result.plan
    if plan.fits:
        return [Text(tr(f"Fits with {plan.left:.0%} left.", f"可以运行，剩余 {plan.left:.0%}。"), style="bold green")]
    short = gib(plan.needed - plan.capacity)
    lines = [Text(tr(f"Does not fit: {short} GiB too much.", f"放不下：超出 {short} GiB。"), style="bold red")]
    if not result.changes:
        none = tr(
            "Nothing that was tried makes it fit; a larger device is needed.", "试过的调整都不够，需要更大的设备。"
        )
        return [*lines, Text(none)]
    lines[0].append(
        tr(" What would do, the fewest device hours first:", " 可行的调整（设备小时从少到多）："), style="default"
    )
    for change in result.changes:
        to = change.plan
        words = tr(f"{gib(to.needed)} GiB, {to.left:.0%} left", f"{gib(to.needed)} GiB，剩余 {to.left:.0%}")
        words += f", {to.pace.tokens_per_second:,.0f} token/s"
        if to.stack.host:
            whole = gib(to.stack.host * to.num_devices)
            words += tr(f", {whole} GiB of host memory", f"，主机内存 {whole} GiB")
        lines.append(Text(f"  {change.text}: {words}"))
    return lines
