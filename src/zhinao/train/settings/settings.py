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


def option(default, group: str, english: str):
    """A field with what `--help` says about it; its Chinese stands in `words.py`."""
    return field(default=default, metadata={"group": group, "help": english})


@dataclass(frozen=True)
class TrainSettings:
    """One run of supervised fine-tuning or continued pre-training. Fields that are None are decided when the run starts,
    and what was decided is shown and kept in `run.json`."""

    # data
    data_path: tuple[str, ...] = option(
        (),
        "data",
        "files, folders or globs; `-`: standard input; any known format",
    )
    data_weights: tuple[float, ...] | None = option(
        None,
        "data",
        "how often each source is used in an epoch (0.5: half of it)",
    )
    format: str | None = option(None, "data", "format of the data, where it is ambiguous")
    set: tuple[str, ...] = option((), "data", "NAME=VALUE put in place of {{NAME}} in the data")
    model_max_length: int = option(4096, "data", "longest document, and row of packed ones, in tokens")
    is_concat: bool = option(
        False,
        "data",
        "pack documents into rows of model_max_length; they never see each other",
    )
    overlong: Literal[OVERLONG] = option(
        "error",
        "data",
        "documents over the limit: stop if there are too many, split at turns, drop, or leave out the oldest turns",
    )
    max_overlong_share: float = option(0.01, "data", "share of documents over the limit above which `error` stops")
    max_faulty_share: float = option(0.0, "data", "share of items that cannot be used, up to which they are left out")
    train_on: Literal[TRAIN_ON] = option("all", "data", "assistant turns that are learned")
    thoughts: Literal[THOUGHTS] = option(
        "as_served",
        "data",
        "conversations with thoughts: each turn as the server would show it, without thoughts, or only the last turn",
    )
    train_thoughts: bool = option(True, "data", "learn the tokens of thoughts")
    rejected: Literal[REJECTED] = option(
        "error",
        "data",
        "samples marked as bad answers (label, kto_tag, desirable: false; is_rejected: true): an error, left out, or learned all the same",
    )
    decontaminated: str | None = option(None, "data", "report of `zhinao reason decontaminate`; noted in run.json")
    preprocessing_num_workers: int | None = option(None, "data", "processes that encode the data")
    # model
    model_name_or_path: str = option("", "model", "folder, hub id or short name (`zhinao models`)")
    rope_theta: float | None = option(None, "model", "another RoPE base, for longer contexts")
    new_tokens: tuple[str, ...] = option((), "model", "tokens to add to the vocabulary")
    # method
    method: Literal["full", "lora", "rslora", "dora", "qlora"] = option("full", "method", "what is trained")
    lora_rank: int = option(16, "method", "rank of the adapters")
    lora_alpha: float = option(32, "method", "scale of the adapters")
    lora_dropout: float = option(0.0, "method", "dropout of the adapters")
    lora_targets: tuple[str, ...] = option(TARGETS, "method", "projections that get an adapter")
    merge: bool = option(False, "method", "also write the model with its adapters merged")
    # optimisation
    learning_rate: float | None = option(None, "optimisation", "default 1e-5; adapters 1e-4")
    num_train_epochs: float = option(3, "optimisation", "passes over the data")
    max_steps: int = option(-1, "optimisation", "optimizer steps; overrides num_train_epochs")
    per_device_train_batch_size: int = option(1, "optimisation", "documents, or packed rows, a step and device")
    gradient_accumulation_steps: int = option(1, "optimisation", "batches to one optimizer step")
    lr_scheduler_type: str = option("cosine", "optimisation", "course of the learning rate")
    warmup_ratio: float = option(0.0, "optimisation", "share of the steps that warm up")
    warmup_steps: float | None = option(
        None,
        "optimisation",
        "steps that warm up, below 1 a share of all; overrides warmup_ratio",
    )
    optim: str = option("adamw_torch", "optimisation", "optimizer, by its name in transformers")
    adam_beta1: float = option(0.9, "optimisation", "of AdamW")
    adam_beta2: float = option(0.95, "optimisation", "of AdamW")
    adam_epsilon: float = option(1e-8, "optimisation", "of AdamW")
    weight_decay: float = option(0.1, "optimisation", "of AdamW")
    max_grad_norm: float = option(1.0, "optimisation", "gradients are clipped to this norm; 0: not")
    stop_on_spike: bool = option(
        True,
        "optimisation",
        "stop where the loss has come apart; False: only where it is no number any more",
    )
    seed: int = option(42, "optimisation", "of everything that is drawn")
    # memory and precision
    gradient_checkpointing: bool = option(True, "memory", "compute activations twice instead of keeping them")
    bf16: bool | None = option(
        None,
        "memory",
        "compute in bfloat16 (default: where the machine can); weights stay float32",
    )
    fp16: bool = option(False, "memory", "compute in float16 (GPU)")
    tf32: bool | None = option(
        None,
        "memory",
        "TensorFloat-32 (NVIDIA GPUs; elsewhere it is ignored, and said)",
    )
    use_cpu: bool = option(False, "memory", "train on the CPU even where there is a GPU")
    # saving
    output_dir: str = option("", "saving", "where the run and its model are kept")
    save_strategy: Literal["steps", "epoch", "no"] = option("steps", "saving", "when to save")
    save_steps: int = option(200, "saving", "steps between saves")
    save_total_limit: int = option(2, "saving", "checkpoints that are kept")
    resume: str | None = option(
        None,
        "saving",
        "`auto`: from the newest whole checkpoint; or a checkpoint's folder",
    )
    trust_checkpoint: bool = option(
        False,
        "saving",
        "go on from a DeepSpeed checkpoint that somebody else saved: opening it can run any code",
    )
    # evaluation
    eval_data_path: tuple[str, ...] = option((), "evaluation", "held-out data")
    eval_share: float = option(0.0, "evaluation", "share of the data that is held out")
    eval_steps: int | None = option(None, "evaluation", "steps between evaluations (default: each epoch)")
    per_device_eval_batch_size: int | None = option(None, "evaluation", "default: as for training")
    keep_best: bool = option(
        False,
        "evaluation",
        "keep the checkpoint with the lowest held-out loss, and deliver that model instead of the last one",
    )
    sample_prompts: tuple[str, ...] = option(
        (),
        "evaluation",
        "questions answered at each evaluation (default: five; none: no questions)",
    )
    sample_tokens: int = option(64, "evaluation", "length of these answers; 0: none")
    # what is said
    logging_steps: int = option(1, "reports", "steps between lines of the log")
    report_to: tuple[str, ...] = option(
        (),
        "reports",
        "wandb, swanlab (JSONL and TensorBoard always)",
    )
    run_name: str | None = option(None, "reports", "name of the run there")
    log_on_each_node: bool = option(False, "reports", "report on each machine, not only the first")
    # many processes
    parallel: Literal["ddp", "zero2", "zero3", "zero2-offload", "zero3-offload", "fsdp2"] | None = option(
        None,
        "processes",
        "how several processes share the work (`zhinao launch` starts them)",
    )
    deepspeed: str | None = option(None, "processes", "a DeepSpeed configuration of your own")
    sequence_parallel_size: int = option(1, "processes", "devices that share one long row")
    local_rank: int = option(-1, "processes", "given by launchers")
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
