"""What is set before a run's processes meet, and what libraries would say that is not the user's business."""

import warnings

from transformers import AutoModelForCausalLM

from zhinao.train.parallel import processes


def test_old_names_that_libraries_call_are_no_news_to_the_user(settings, tiny, monkeypatch):
    monkeypatch.delenv("RANK", raising=False)
    monkeypatch.delenv("DS_ACCELERATOR", raising=False)
    model = AutoModelForCausalLM.from_pretrained(tiny)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        processes.join(settings())
        model.gradient_checkpointing_enable()  # as PEFT and TRL do
        assert model.is_gradient_checkpointing
        model.gradient_checkpointing_disable()
        warnings.warn("`something_else` is deprecated", FutureWarning, stacklevel=1)
    assert [str(one.message) for one in said] == ["`something_else` is deprecated"]
