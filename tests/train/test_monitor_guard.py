"""The guard on made-up losses, and in a trainer whose batch is poisoned: stopped before the step, the batch kept, weights whole."""

import json
import math
import multiprocessing

import pytest
import torch
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

from tests.tiny import make_checkpoint
from tests.tiny_tokenizer import make_tokenizer
from zhinao.model.tokenizer import Tokenizer
from zhinao.train.monitor import bad_batch
from zhinao.train.monitor.guard import LossError, LossGuard

NAN, INF = math.nan, math.inf


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return make_tokenizer(make_checkpoint(tmp_path_factory.mktemp("model"), "qwen2"))


def packed(*documents: list[int], num_unlearned: int = 1, **more) -> dict:
    """One row of documents, as the package's trainer has it."""
    ids = [id for document in documents for id in document]
    labels = [-100 if n < num_unlearned else id for document in documents for n, id in enumerate(document)]
    positions = [n for document in documents for n in range(len(document))]
    rows = {"input_ids": ids, "labels": labels, "position_ids": positions}
    return {name: torch.tensor([row]) for name, row in rows.items()} | more


def run(guard: LossGuard, losses) -> int | None:
    """The step at which it stops, from 1."""
    for step, loss in enumerate(losses, 1):
        try:
            guard.check(step, loss)
        except LossError:
            return step
    return None


@pytest.mark.parametrize("bad", [NAN, INF, -INF, torch.tensor(NAN)])
@pytest.mark.parametrize("num_before", [0, 5, 100])
def test_what_is_no_number_stops_at_once(tmp_path, bad, num_before):
    assert run(LossGuard(tmp_path), [2.0] * num_before + [bad]) == num_before + 1


def test_a_switched_off_guard_stops_for_what_is_no_number_alone(tmp_path):
    guard = LossGuard(tmp_path, stops_on_spike=False)
    assert run(guard, [2.0] * 50 + [1e4] * 50 + [NAN]) == 101


def test_gradients_that_are_no_number(tmp_path):
    LossGuard(tmp_path).check(1, 2.0, 1e9)  # clipping is made for that
    with pytest.raises(LossError, match="gradient norm is inf"):
        LossGuard(tmp_path).check(1, None, torch.tensor(INF))
    scaled = LossGuard(tmp_path, is_fp16=True)
    for _ in range(20):
        scaled.check(1, 2.0, INF)  # the scaler is still looking for its factor
    with pytest.raises(LossError):
        scaled.check(1, 2.0, INF)


def test_the_batch_is_kept_and_the_worst_document_named(tmp_path, folder):
    tokenizer = Tokenizer.load(folder)
    texts = ["the quick brown fox", "你好，世界。", "aaaa bbbb"]
    batch = packed(*map(tokenizer.encode, texts), places=["a.jsonl, line 3", "a.jsonl, line 9", "b.json, line 1"])
    guard = LossGuard(tmp_path, tokenizer, document_losses=lambda batch: [1.5, NAN, 7.0])
    with pytest.raises(LossError) as caught:
        guard.check(57, torch.tensor(NAN), None, batch)
    assert "step 57" in caught.value.message and "a.jsonl, line 9" in caught.value.message
    assert str(tmp_path / "bad_batch") in caught.value.hint and "another --output_dir" in caught.value.hint
    kept = [json.loads(line) for line in (tmp_path / "bad_batch" / "documents.jsonl").read_text().splitlines()]
    assert [document["text"] for document in kept] == texts
    assert [document["loss"] for document in kept] == [1.5, "nan", 7.0]
    assert [document["num_supervised"] for document in kept] == [len(tokenizer.encode(text)) - 1 for text in texts]
    tensors = torch.load(tmp_path / "bad_batch" / "tensors.pt", weights_only=True)
    assert torch.equal(tensors["input_ids"], batch["input_ids"])
    assert json.loads((tmp_path / "bad_batch" / "numbers.json").read_text())["loss"] == "nan"


def test_of_an_explosion_the_first_batch_is_kept(tmp_path):
    guard = LossGuard(tmp_path)
    for step in range(1, 41):
        guard.check(step, 2.0, None, packed([5, 6]))
    guard.check(41, 30.0, None, packed([7, 8]))
    guard.check(42, 40.0, None, packed([9, 9]))
    with pytest.raises(LossError, match=r"step 43: the loss is 30 at step 41, then 50, where 2 was usual \(limit 20\)"):
        guard.check(43, 50.0, None, packed([9, 9]))
    assert torch.load(tmp_path / "bad_batch" / "tensors.pt")["input_ids"].tolist() == [[7, 8]]


def test_what_helps_is_what_is_offered(tmp_path):
    """`--stop_on_spike False` does not help against NaN, nor where it is set; the same run again would end alike."""

    def hint(guard, losses) -> str:
        with pytest.raises(LossError) as caught:
            for step, loss in enumerate(losses, 1):
                guard.check(step, loss)
        return caught.value.hint

    spike = hint(LossGuard(tmp_path), [2.0] * 50 + [50.0] * 5)
    assert "--stop_on_spike False" in spike and "fp16" not in spike and "--resume" not in spike
    for losses in ([NAN], [2.0] * 50 + [50.0, INF]):
        assert "--stop_on_spike" not in hint(LossGuard(tmp_path), losses)
        assert "--stop_on_spike" not in hint(LossGuard(tmp_path, stops_on_spike=False), losses)
    assert "--bf16 instead of --fp16" in hint(LossGuard(tmp_path, is_fp16=True), [NAN])


def test_a_run_that_comes_apart_at_once_names_where_it_began(tmp_path):
    guard = LossGuard(tmp_path)
    for step, loss in enumerate([2.0, 2.1, 90.0, 2.0], 1):
        guard.check(step, loss, None, packed([step, 6]))
    guard.check(5, 95.0, None, packed([5, 6]))
    with pytest.raises(LossError, match=r"step 6: the loss is 90 at step 3, then 99, where 2 was usual \(limit 20\)"):
        guard.check(6, 99.0, None, packed([9, 9]))


def test_documents_of_rows_with_padding():
    batch = {
        "input_ids": torch.tensor([[5, 6, 7], [8, 9, 0]]),
        "labels": torch.tensor([[-100, 6, 7], [-100, 9, -100]]),
        "attention_mask": torch.tensor([[1, 1, 1], [1, 1, 0]]),
    }
    found = bad_batch.documents(batch)
    assert [(one.num_tokens, one.num_supervised) for one in found] == [(3, 2), (2, 1)]


def test_losses_of_documents_are_those_of_each_alone(folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    documents = [[5, 6, 7, 8], [9, 10], [11]]
    found = bad_batch.losses_by(model)(packed(*documents))
    with torch.no_grad():
        for ids, loss in zip(documents[:2], found, strict=False):
            row = torch.tensor([ids])
            assert loss == pytest.approx(float(model(input_ids=row, labels=row).loss), rel=1e-5)
    assert found[2] == 0.0  # nothing of it is learned


class GuardedTrainer(Trainer):
    """As the package's trainer calls it: after the gradients, before the optimizer uses them."""

    guard = None

    def training_step(self, model, inputs, num_items_in_batch=None):
        loss = super().training_step(model, inputs, num_items_in_batch)
        self.guard.check(self.state.global_step + 1, loss, None, inputs)
        return loss


def test_a_poisoned_batch_stops_a_trainer_before_its_step(tmp_path, folder):
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    poison = 299
    model.get_input_embeddings().weight.data[poison] = NAN
    rows = [{"input_ids": torch.tensor([n, n + 1, n + 2]), "labels": torch.tensor([n, n + 1, n + 2])} for n in range(8)]
    rows[5]["input_ids"][1] = poison
    args = TrainingArguments(
        output_dir=str(tmp_path),
        per_device_train_batch_size=1,
        max_steps=8,
        save_steps=1,
        use_cpu=True,
        report_to="none",
        disable_tqdm=True,
        train_sampling_strategy="sequential",
    )
    trainer = GuardedTrainer(model=model, args=args, train_dataset=rows)
    trainer.guard = LossGuard(tmp_path, Tokenizer.load(folder), document_losses=bad_batch.losses_by(model))
    with pytest.raises(LossError, match="step 6: the loss is nan"):
        trainer.train()
    assert {path.name for path in tmp_path.glob("checkpoint-*")} == {f"checkpoint-{step}" for step in range(1, 6)}
    weights = [value for name, value in model.state_dict().items() if "embed" not in name]
    assert all(bool(value.isfinite().all()) for value in weights)
    assert torch.load(tmp_path / "bad_batch" / "tensors.pt")["input_ids"].tolist() == [[5, poison, 7]]


def _one_of_two(rank: int, folder, answers) -> None:
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    guard = LossGuard(folder)
    try:
        for step in range(1, 4):
            guard.check(step, NAN if rank == 1 and step == 2 else 1.0)
    except LossError as error:
        answers.put((rank, step, error.message))
    torch.distributed.destroy_process_group()


def test_what_one_process_finds_stops_all(tmp_path):
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    processes = [context.Process(target=_one_of_two, args=(rank, tmp_path, answers)) for rank in range(2)]
    for process in processes:
        process.start()
    found = sorted(answers.get(timeout=60) for _ in processes)
    for process in processes:
        process.join(60)
    assert [(rank, step) for rank, step, _ in found] == [(0, 2), (1, 2)]
    assert "another process" in found[0][2] and "loss is nan" in found[1][2]
