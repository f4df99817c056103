"""Everything that can be set about a training run, as one dataclass: defaults, then a YAML file, then flags.

The names are those of the publisher's script where it has one, and of transformers' TrainingArguments otherwise. Nothing here
imports torch; `loop/training_arguments.py` turns the settings into what transformers wants.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from zhinao.data.encode.choices import OVERLONG, REJECTED, THOUGHTS, TRAIN_ON
from zhinao.train.settings import checks

LORA = ("lora", "rslora", "dora", "qlora")
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


def option(default, group: str, english: str, chinese: str):
    """A field with what `--help` says about it."""
    return field(default=default, metadata={"group": group, "help": (english, chinese)})


@dataclass(frozen=True)
class TrainSettings:
    """One run of supervised fine-tuning or continued pre-training. Fields that are None are decided when the run starts,
    and what was decided is shown and kept in `run.json`."""

    # data
    data_path: tuple[str, ...] = option(
        (),
        "data",
        "files, folders or globs; `-`: standard input; any known format",
        "文件、目录或通配符；`-` 为标准输入；自动识别格式",
    )
    data_weights: tuple[float, ...] | None = option(
        None,
        "data",
        "how often each source is used in an epoch (0.5: half of it)",
        "每个来源每轮使用的比例（0.5 为一半）",
    )
    format: str | None = option(
        None, "data", "format of the data, where it is ambiguous", "数据格式（仅在无法判断时需要）"
    )
    set: tuple[str, ...] = option(
        (), "data", "NAME=VALUE put in place of {{NAME}} in the data", "用 NAME=VALUE 替换数据中的 {{NAME}}"
    )
    model_max_length: int = option(
        4096, "data", "longest document, and row of packed ones, in tokens", "文档与打包行的最大 token 数"
    )
    is_concat: bool = option(
        False,
        "data",
        "pack documents into rows of model_max_length; they never see each other",
        "把多个文档打包进一行（互不可见）",
    )
    overlong: Literal[OVERLONG] = option(
        "error",
        "data",
        "documents over the limit: stop if there are too many, split at turns, drop, or leave out the oldest turns",
        "超长文档：过多则报错、按轮拆分、丢弃、或去掉最早的轮次",
    )
    max_overlong_share: float = option(
        0.01, "data", "share of documents over the limit above which `error` stops", "`error` 允许的超长比例"
    )
    max_faulty_share: float = option(
        0.0, "data", "share of items that cannot be used, up to which they are left out", "允许略过的无法使用的数据比例"
    )
    train_on: Literal[TRAIN_ON] = option("all", "data", "assistant turns that are learned", "训练哪些 assistant 轮次")
    thoughts: Literal[THOUGHTS] = option(
        "as_served",
        "data",
        "conversations with thoughts: each turn as the server would show it, without thoughts, or only the last turn",
        "含思考的对话：按服务时的样子逐轮训练、去掉思考、或只训练最后一轮",
    )
    train_thoughts: bool = option(True, "data", "learn the tokens of thoughts", "训练思考部分的 token")
    rejected: Literal[REJECTED] = option(
        "error",
        "data",
        "samples marked as bad answers (label, kto_tag, desirable: false; is_rejected: true): an error, left out, or learned all the same",
        "标为不好回答的样本（label、kto_tag、desirable 为 false，或 is_rejected 为 true）：报错、略过，或照常训练",
    )
    preprocessing_num_workers: int | None = option(None, "data", "processes that encode the data", "编码数据的进程数")
    # model
    model_name_or_path: str = option(
        "", "model", "folder, hub id or short name (`zhinao models`)", "目录、hub id 或短名"
    )
    rope_theta: float | None = option(
        None, "model", "another RoPE base, for longer contexts", "更换 RoPE 基数，用于更长的上下文"
    )
    new_tokens: tuple[str, ...] = option((), "model", "tokens to add to the vocabulary", "加入词表的新 token")
    # method
    method: Literal["full", "lora", "rslora", "dora", "qlora"] = option("full", "method", "what is trained", "训练方式")
    lora_rank: int = option(16, "method", "rank of the adapters", "适配器的秩")
    lora_alpha: float = option(32, "method", "scale of the adapters", "适配器的缩放")
    lora_dropout: float = option(0.0, "method", "dropout of the adapters", "适配器的 dropout")
    lora_targets: tuple[str, ...] = option(TARGETS, "method", "projections that get an adapter", "加适配器的投影层")
    merge: bool = option(False, "method", "also write the model with its adapters merged", "同时写出合并适配器后的模型")
    # optimisation
    learning_rate: float | None = option(None, "optimisation", "default 1e-5; adapters 1e-4", "默认 1e-5；适配器 1e-4")
    num_train_epochs: float = option(3, "optimisation", "passes over the data", "训练轮数")
    max_steps: int = option(-1, "optimisation", "optimizer steps; overrides num_train_epochs", "优化步数，优先于轮数")
    per_device_train_batch_size: int = option(
        1, "optimisation", "documents, or packed rows, a step and device", "每设备每步的文档数或打包行数"
    )
    gradient_accumulation_steps: int = option(1, "optimisation", "batches to one optimizer step", "梯度累积步数")
    lr_scheduler_type: str = option("cosine", "optimisation", "course of the learning rate", "学习率曲线")
    warmup_ratio: float = option(0.0, "optimisation", "share of the steps that warm up", "预热步数占比")
    warmup_steps: float | None = option(
        None,
        "optimisation",
        "steps that warm up, below 1 a share of all; overrides warmup_ratio",
        "预热步数（小于 1 为占比），优先于 warmup_ratio",
    )
    optim: str = option(
        "adamw_torch", "optimisation", "optimizer, by its name in transformers", "优化器（transformers 中的名称）"
    )
    adam_beta1: float = option(0.9, "optimisation", "of AdamW", "AdamW 参数")
    adam_beta2: float = option(0.95, "optimisation", "of AdamW", "AdamW 参数")
    adam_epsilon: float = option(1e-8, "optimisation", "of AdamW", "AdamW 参数")
    weight_decay: float = option(0.1, "optimisation", "of AdamW", "AdamW 参数")
    max_grad_norm: float = option(
        1.0, "optimisation", "gradients are clipped to this norm; 0: not", "梯度裁剪范数；0 为不裁剪"
    )
    stop_on_spike: bool = option(
        True,
        "optimisation",
        "stop where the loss has come apart; False: only where it is no number any more",
        "损失失控时停止；False 时仅在损失不是有效数值时停止",
    )
    seed: int = option(42, "optimisation", "of everything that is drawn", "随机种子")
    # memory and precision
    gradient_checkpointing: bool = option(
        True, "memory", "compute activations twice instead of keeping them", "重算激活以节省显存"
    )
    bf16: bool | None = option(
        None,
        "memory",
        "compute in bfloat16 (default: where the machine can); weights stay float32",
        "用 bfloat16 计算（默认按机器），权重保持 float32",
    )
    fp16: bool = option(False, "memory", "compute in float16 (GPU)", "用 float16 计算（GPU）")
    tf32: bool | None = option(
        None,
        "memory",
        "TensorFloat-32 (NVIDIA GPUs; elsewhere it is ignored, and said)",
        "TF32（NVIDIA GPU；其他设备忽略并提示）",
    )
    use_cpu: bool = option(False, "memory", "train on the CPU even where there is a GPU", "即使有 GPU 也用 CPU 训练")
    # saving
    output_dir: str = option("", "saving", "where the run and its model are kept", "输出目录")
    save_strategy: Literal["steps", "epoch", "no"] = option("steps", "saving", "when to save", "保存时机")
    save_steps: int = option(200, "saving", "steps between saves", "保存间隔（步）")
    save_total_limit: int = option(2, "saving", "checkpoints that are kept", "保留的检查点数")
    resume: str | None = option(
        None,
        "saving",
        "`auto`: from the newest whole checkpoint; or a checkpoint's folder",
        "`auto`：从最新的完整检查点继续；或指定检查点目录",
    )
    trust_checkpoint: bool = option(
        False,
        "saving",
        "go on from a DeepSpeed checkpoint that somebody else saved: opening it can run any code",
        "允许从他人保存的 DeepSpeed 检查点继续：打开它可能执行任意代码",
    )
    # evaluation
    eval_data_path: tuple[str, ...] = option((), "evaluation", "held-out data", "验证数据")
    eval_share: float = option(0.0, "evaluation", "share of the data that is held out", "从数据中留出的比例")
    eval_steps: int | None = option(
        None, "evaluation", "steps between evaluations (default: each epoch)", "验证间隔（步；默认每轮）"
    )
    per_device_eval_batch_size: int | None = option(None, "evaluation", "default: as for training", "默认与训练相同")
    keep_best: bool = option(
        False,
        "evaluation",
        "keep the checkpoint with the lowest held-out loss, and deliver that model instead of the last one",
        "保留验证损失最低的检查点，并交付该模型而不是最后一步的模型",
    )
    sample_prompts: tuple[str, ...] = option(
        (),
        "evaluation",
        "questions answered at each evaluation (default: five; none: no questions)",
        "每次验证时回答的问题（默认五个；none 为不提问）",
    )
    sample_tokens: int = option(64, "evaluation", "length of these answers; 0: none", "回答长度；0 为不回答")
    # what is said
    logging_steps: int = option(1, "reports", "steps between lines of the log", "日志间隔（步）")
    report_to: tuple[str, ...] = option(
        (),
        "reports",
        "wandb, swanlab (JSONL and TensorBoard always)",
        "wandb、swanlab（JSONL 与 TensorBoard 总会写出）",
    )
    run_name: str | None = option(None, "reports", "name of the run there", "运行名称")
    log_on_each_node: bool = option(
        False, "reports", "report on each machine, not only the first", "每台机器都输出日志"
    )
    # many processes
    parallel: Literal["ddp", "zero2", "zero3", "zero2-offload", "zero3-offload", "fsdp2"] | None = option(
        None,
        "processes",
        "how several processes share the work (`zhinao launch` starts them)",
        "多进程并行方式（由 `zhinao launch` 启动）",
    )
    deepspeed: str | None = option(
        None, "processes", "a DeepSpeed configuration of your own", "自定义 DeepSpeed 配置文件"
    )
    sequence_parallel_size: int = option(
        1, "processes", "devices that share one long row", "共同处理一行长序列的设备数"
    )
    local_rank: int = option(-1, "processes", "given by launchers", "由启动器给出")
    # whatever else transformers knows
    training_arguments: dict = field(default_factory=dict, metadata={"group": "reports", "help": None})

    eval_metrics: ClassVar[tuple[str, ...]] = ("loss",)  # what an evaluation measures
    is_preference: ClassVar[bool] = False

    @property
    def is_evaluated(self) -> bool:
        return bool(self.eval_data_path or self.eval_share)

    @property
    def has_samples(self) -> bool:
        """Whether questions are answered during the run."""
        return bool(self.sample_tokens) and not (
            len(self.sample_prompts) == 1 and self.sample_prompts[0].strip().lower() in _NO_PROMPTS
        )

    @property
    def warms_up(self) -> bool:
        return bool(self.warmup_ratio if self.warmup_steps is None else self.warmup_steps)

    @property
    def is_adapter(self) -> bool:
        return self.method in LORA

    def has_narrow_base(self, precision: str) -> bool:
        """Whether the frozen matrices under adapters stay in 16 bits, the `precision` of the checkpoint: nothing is lost where
        the run computes in the same. DoRA takes norms of them, DeepSpeed and FSDP have a precision of their own."""
        computed = "bfloat16" if self.bf16 else "float16" if self.fp16 else None
        is_own = not self.deepspeed and self.parallel in (None, "ddp")
        return self.method in ("lora", "rslora") and precision == computed and is_own

    def check(self) -> None:
        """Raises UsageError for what cannot be meant, before anything is loaded."""
        checks.check(self)


# in place of questions: that none are asked
_NO_PROMPTS = ("", "none", "no", "off", "false", "null")
