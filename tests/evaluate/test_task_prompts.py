"""What a model is given, character by character: the first item of each sample, written out here."""

from pathlib import Path

import pytest

from zhinao.evaluate import tasks

DATA = Path(__file__).parent / "data"
# Between examples three line ends, before the question five (OpenCompass's own code, which was run on the original files).
CEVAL = "以下是中国关于逻辑学考试的单项选择题，请选出其中的正确答案。\n"
CMMLU = "以下是关于农学的单项选择题，请直接给出正确答案的选项。\n题目："
CHINESE_EXAMPLES = [
    ("一加一等于几？\nA. 一\nB. 二\nC. 三\nD. 四\n", "B"),
    ("下列哪个是水果？\nA. 桌子\nB. 椅子\nC. 苹果\nD. 石头\n", "C"),
    ("太阳从哪边升起？\nA. 东\nB. 南\nC. 西\nD. 北\n", "A"),
    ("一周有几天？\nA. 五\nB. 六\nC. 八\nD. 七\n", "D"),
    ("水的沸点，在标准大气压下是？\nA. 100℃\nB. 50℃\nC. 0℃\nD. 20℃\n", "A"),
]
CHINESE_QUESTION = "如果今天是星期一，三天后是星期几？\nA. 星期二\nB. 星期三\nC. 星期四\nD. 星期五\n"
MMLU = """\
The following are multiple choice questions (with answers) about  high school physics.

What is 1 + 1?
A. 1
B. 2
C. 3
D. 4
Answer: B

Which is a fruit?
A. a table
B. a chair
C. an apple
D. a stone
Answer: C

Where does the sun rise?
A. east
B. south
C. west
D. north
Answer: A

How many days has a week?
A. five
B. six
C. eight
D. seven
Answer: D

What does "cold, wet" describe?
A. rain
B. fire
C. sand
D. a lamp, lit
Answer: A

What falls down?
A. a stone
B. smoke
C. a star
D. light
Answer: """
ICE = "What melts in the sun?"
ICE_OPTIONS = "A. ice\nB. iron\nC. a stone\nD. sand\n"
ARC = f"Question: {ICE}\n{ICE_OPTIONS}Answer:"
COMMONSENSE = "".join(
    f"Question: Where is thing number {index}?\nAnswer: \n{place}\n\n\n"
    for index, place in enumerate(["bed", "sea", "sky", "street", "forest", "bed", "sea", "sky"])
)
DOG = "Tom has a dog.\nThe dog is old."
AGE = "A. Young\nB. Old\nC. New\nD. Nobody knows\n"
BBH = (
    "Follow the given examples and answer the question.\nA task called navigate.\n\nQ: One?\nA: Let's think step by step.\n"
    "It is one. So the answer is one.\n\nQ: Take 1 step. Turn around. Take 1 step. Do you return?\nOptions:\n- Yes\n- No\nA: "
)
KIM = "Kim helped Lee.\nQuestion: How does Lee feel?\n"
BOX = " Let's think step by step and output the final answer within \\boxed{}."
C3_OPTIONS = "A. 图书馆\nB. 超市\nC. 学校\nD. [NULL]\n请从“A”，“B”，“C”，“D”中进行选择。\n答："
# The whole text of every label, and the right one's index.
CHOICES = {
    "ceval": (
        [
            "\n\n\n".join(f"{CEVAL}{asked}答案: \n{letter}" for asked, letter in CHINESE_EXAMPLES)
            + f"\n\n\n\n\n{CEVAL}{CHINESE_QUESTION}答案: \n{letter}"
            for letter in "ABCD"
        ],
        2,
    ),
    "cmmlu": (
        [
            "\n\n\n".join(f"{CMMLU}{asked}答案是: {letter}" for asked, letter in CHINESE_EXAMPLES)
            + f"\n\n\n\n\n{CMMLU}{CHINESE_QUESTION}答案是: {letter}"
            for letter in "ABCD"
        ],
        2,
    ),
    "mmlu": ([MMLU + letter for letter in "ABCD"], 0),
    "arc-c@ppl_a450bd": ([f"Question: {ICE}\nAnswer: \n{text}" for text in ("ice", "iron", "a stone", "sand")], 0),
    "arc-e@ppl_2ef631": ([f"{ICE}\n{ICE_OPTIONS}Answer: {letter}" for letter in "ABCD"], 0),
    "wic": (
        [
            "Sentence 1: He sat on the bank of the river.\nSentence 2: The bank lends money.\n"
            f"'bank' in the above two sentenses are {word}."
            for word in ("different", "the same")
        ],
        0,
    ),
    "wsc": (
        [
            "The cup did not fit in the box because it was too big .",
            "The cup did not fit in the box because The cup was too big .",
        ],
        1,
    ),
    "wsc@ppl_1c4a90": (
        [
            "Passage: * The cup * did not fit in the box because # it # was too big .\n"
            f"Does the pronoun # it # refer to * The cup *?\nA. Yes\nB. No\nAnswer: \n{letter}"
            for letter in "AB"
        ],
        0,
    ),
    "boolq": (
        [
            f"Passage: Snow is frozen water -- it is cold.\nQuestion: Is snow cold?\nAnswer: {word}"
            for word in ("No", "Yes")
        ],
        1,
    ),
    "boolq@ppl_314b96": (
        [f"Snow -- Snow is frozen water -- it is cold.\nQuestion: is snow cold?\n{word}" for word in ("No", "Yes")],
        1,
    ),
    "commonsense-qa": (
        [
            f"{COMMONSENSE}\n\nQuestion: Where do fish swim?\nAnswer: \n{place}"
            for place in ("bed", "sea", "sky", "street", "forest")
        ],
        1,
    ),
    "c3@ppl_e24a31": (
        [
            f"文章：男：你去哪儿？ 女：我去图书馆还书。\n问题：女的要去哪儿？\n答案：{place}"
            for place in ("图书馆", "超市", "学校", "图书馆")
        ],
        0,
    ),
    "race-middle": (
        [f"Article:\n{DOG}\nQuestion:\nHow old is the dog?\n{AGE}Answer: {letter}" for letter in "ABCD"],
        1,
    ),
    "race-high@ppl_a138cd": (
        [
            "Read the article, and answer the question by replying A, B, C or D.\n\n"
            f"Article:\n{DOG}\n\nQ: How old is the dog?\n\n{AGE}A: {letter}"
            for letter in "ABCD"
        ],
        1,
    ),
    "eprstmt-dev@ppl_f1e631": (
        [f'内容： "东西很好，下次还来。"。情绪分类：\n{word}。' for word in ("消极", "积极")],
        1,
    ),
    "hellaswag": (
        [
            f"A man stands in a kitchen. he\n{ending}"
            for ending in ("cuts an onion.", "flies away.", "is a fish.", "swims home.")
        ],
        0,
    ),
    "hellaswag@ppl_a6e128": (
        [
            f"Cooking: A man stands in a kitchen. he {ending}"
            for ending in ("cuts an onion.", "flies away.", "is a fish.", "swims home.")
        ],
        0,
    ),
    "siqa": ([f"{KIM}A. angry\nB. thankful\nC. hungry\nAnswer: {letter}" for letter in "ABC"], 1),
    "siqa@ppl_ced5f6": ([f"{KIM}Answer:\n{text}" for text in ("angry", "thankful", "hungry")], 1),
}
PROMPTS = {
    "arc-c": (ARC, "A"),
    "arc-e": (ARC, "A"),
    "c3": (f"男：你去哪儿？女：我去图书馆还书。\n问：女的要去哪儿？\n{C3_OPTIONS}", "A"),
    "lcsts": (
        "阅读以下文章，并给出简短的摘要：今天上午，北京下了今年的第一场雪，许多市民走上街头拍照留念。\n摘要如下：",
        "北京迎来今年第一场雪",
    ),
    "eprstmt-dev": (
        '内容： "东西很好，下次还来。"。请对上述内容进行情绪分类。\nA. 积极\nB. 消极\n请从”A“，”B“中进行选择。\n答：',
        "A",
    ),
    "lambada": (
        "Please complete the following sentence:\nShe opened the door and called the dog. Nobody came but the",
        "dog",
    ),
    "siqa@gen_18632c": (f"{KIM}A. angry\nB. thankful\nC. hungry\nAnswer:", "B"),
    "bbh": (BBH, "Yes"),
    "bbh@gen_5b92b0": (f"{BBH}Let's think step by step.", "Yes"),
    "aime24": (({"role": "user", "content": f"Find $20+5$.{BOX}"},), "025"),
    "aime25": (({"role": "user", "content": f"Find $69+1$.{BOX}"},), "70"),
    "gpqa-diamond@as-shipped": (
        (
            {
                "role": "user",
                "content": "Which gas do plants take in?\n\nA. carbon dioxide\nB. oxygen\nC. helium\nD. neon\n\nPlease reason "
                "step-by-step and put your choice letter without any other text with \\boxed{} in the end." + BOX,
            },
        ),
        "A",
    ),
}


def first(name: str):
    task = tasks.find(name)
    return next(task.items(DATA / task.folder))


@pytest.mark.parametrize("name", CHOICES)
def test_every_label_s_text(name):
    item = first(name)
    assert (list(item.choices), item.gold) == CHOICES[name]


@pytest.mark.parametrize("name", PROMPTS)
def test_the_prompt(name):
    item = first(name)
    assert (item.prompt, item.gold) == PROMPTS[name]


def test_gsm8k_has_four_worked_examples_before_the_question():
    prompt = first("gsm8k").prompt
    assert prompt.startswith("Question: Angelo and Melanie want to plan how many hours")
    assert prompt.count("\nLet's think step by step\nAnswer:") == 5
    assert prompt.endswith(
        "The answer is 146\n\nQuestion: Ann has 1200 pears and eats one. How many are left?\nLet's think step by step\nAnswer:"
    )
    assert first("gsm8k").gold == "1199"


def test_math_has_four_worked_examples_with_the_tool_s_doubled_braces():
    prompt = first("math").prompt
    assert prompt.startswith(
        "Problem:\nFind the domain of the expression $\\frac{{\\sqrt{{x-2}}}}{{\\sqrt{{5-x}}}}$.}}\nSolution:\nThe"
    )
    assert prompt.count("Final Answer: The final answer is") == 4
    assert prompt.endswith("I hope it is correct.\n\nProblem:\nWhat is $1+1$?\nSolution:\n")


def test_questions_without_four_options_are_left_out_and_numbers_are_letters():
    items = list(tasks.find("arc-c").items(DATA / "arc"))
    assert [(item.id, item.gold) for item in items] == [("a1", "A"), ("a3", "C")]


def test_a_passage_without_a_title_is_empty():
    items = list(tasks.find("boolq").items(DATA / "boolq"))
    assert items[1].choices[0] == "Passage: \nQuestion: Can stones fly?\nAnswer: No"


def test_a_context_with_a_colon_loses_what_stands_before_it():
    items = list(tasks.find("hellaswag").items(DATA / "hellaswag"))
    assert items[1].choices[1] == "go home. she\ngoes home."


def test_problems_come_in_order_of_their_numbers():
    assert [item.id for item in tasks.find("math").items(DATA / "math")] == ["algebra/2", "algebra/10"]


def test_shuffled_options_are_the_same_options_in_another_order():
    shipped, shuffled = (
        list(tasks.find(name).items(DATA / "gpqa")) for name in ("gpqa-diamond@as-shipped", "gpqa-diamond")
    )
    assert {item.gold for item in shipped} == {"A"} and {item.gold for item in shuffled} != {"A"}
    for one, other in zip(shipped, shuffled, strict=True):
        texts = [sorted(line[3:] for line in item.prompt[0]["content"].split("\n")[2:6]) for item in (one, other)]
        assert texts[0] == texts[1]
        right = one.prompt[0]["content"].split("\n")[2][3:]
        assert f"\n{other.gold}. {right}\n" in other.prompt[0]["content"]
