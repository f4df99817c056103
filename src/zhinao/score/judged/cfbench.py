"""CFBench: a judge says of each point of a checklist whether an answer keeps it; CSR, ISR and PSR (Zhang et al. 2024).

The judge's prompt is the authors' own, word for word. Verdicts are read strictly alone: the authors' lenient second reading keeps
only the ones and would call such an answer perfect.
"""

from dataclasses import dataclass

from zhinao.score.grade import Grade

PRIMARY, SECONDARY = "主需", "次需"
_PROMPT = """
我想让你扮演一个质量评估器的角色。你需要结合 [用户指令],[参考答案],[模型答案],[考察点]对于模型答案进行评估,按照0或1打分.
具体而言:[参考答案]和[模型答案]都是对[用户指令]的回复,[考察点]中定义了模型答案应该满足、需要被考察的点。你需要严格按照[考察点]中的每条考察点，对[于模型答案]进行打分。如果完全满足则为1，如果不满足则为0.
需要注意: [参考答案]如果为空,则[考察点]的满足不考虑[参考答案].
输出格式: 1.严格按照[考察点]中的考察点的顺序,每行输出一条，行与行之间使用"\n\n"切割;  
        2.每行首先输出[考察点]中对应内容，然后用'\t'分割，在后面输出对应[评估打分],0或1。 
        3.请直接输出你的评估,不要输出其他任何内容。

可参考下面样例。

[样例1]:
    [用户指令]: 请对给定的句子"我爱吃苹果"做以下编辑步骤\n\n1.将句子中的“我”改成“小明”。\n\n只输出编辑后的句子。
    
    [参考答案]: "小明爱吃苹果"
    
    [模型答案]: "好的，修改后为：小明爱吃苹果"

    [评估标准]:
    和参考答案结果一致，替换准确\n\n不存在其他冗余信息，引号可忽略
    
    [你的评估]: 
    和参考答案结果一致，替换准确\t1\n\n不存在其他冗余信息，引号可忽略\t0

[样例2]:
    [用户指令]: 给我生成一些唐代诗人李白的诗句，主题是友情。输出结果应为JSON格式，包含两个key："诗句"和"诗名"。提供三组不同的诗句，每个诗句控制在5个字，一组10个字。

    [参考答案]: ""
    
    [模型答案]: '"诗句": ["诗句": "明月照友心", "诗名": "友情如月","诗句": "高山流水情", "诗名": "知音难觅","诗句": "酒逢知己饮", "诗名": "醉卧沙场笑"]'

    [评估标准]: 
    生成唐代诗人李白的诗句。\n\n诗句主题是友情。\n\n输出结果应为JSON格式，JSON格式包含两个key：""诗句""和""诗名""。\n\n提供三组不同的诗句。\n\n每个诗句控制在5个字，一组10个字。

    [你的评估]: 
    生成唐代诗人李白的诗句。\t0\n\n诗句主题是友情。\t1\n\n输出结果应为JSON格式，JSON格式包含两个key：""诗句""和""诗名""。\t0\n\n提供三组不同的诗句。\t1\n\n每个诗句控制在5个字，一组10个字。\t0

[用户指令]: {prompt}

[参考答案]: {gold}

[模型答案]: {answer}

[评估标准]: {points}

[你的评估]: 
"""


@dataclass(frozen=True)
class CFBench:
    """`item.facts`: `gold` (may be empty), `criteria`: [text, 主需 or 次需] each."""

    temperature: float = 0.01
    retries: int = 9

    def messages(self, item, answers: list[str]) -> list[list[dict]]:
        points = "\n\n".join(text for text, _ in item.facts["criteria"])
        asked = item.prompt if isinstance(item.prompt, str) else item.prompt[-1]["content"]
        head, rest = _PROMPT.split("{prompt}")
        between, rest = rest.split("{gold}")
        then, rest = rest.split("{answer}")
        last, end = rest.split("{points}")
        text = f"{head}{asked}{between}{item.facts['gold']}{then}{answers[0]}{last}{points}{end}"
        return [[{"role": "user", "content": text}]]

    def parse(self, text: str, item) -> list[int] | None:
        """A line a point, in their order and with their very words; None for anything else."""
        lines = text.strip().split("\n\n")
        points = [point for point, _ in item.facts["criteria"]]
        if len(lines) != len(points):
            return None
        verdicts = []
        for line, point in zip(lines, points, strict=True):
            words, _, verdict = line.rpartition("\t")
            if words != point or verdict.strip() not in ("0", "1", "0.0", "1.0"):
                return None
            verdicts.append(int(float(verdict)))
        return verdicts

    def grade(self, item, verdicts: list[list[int] | None]) -> Grade:
        """The score is CSR; ISR and PSR among the facts. Nothing read: all three are 0."""
        read = verdicts[0] if verdicts else None
        if read is None:
            return Grade(None, None, {"csr": 0.0, "isr": 0, "psr": 0})
        found = metrics(read, [kind for _, kind in item.facts["criteria"]])
        return Grade(found["csr"], "".join(map(str, read)), found)


def metrics(verdicts: list[int], kinds: list[str]) -> dict:
    """CSR: share of points kept, to two places. ISR: all of them. PSR: all primary points, and more than 60 % of the secondary ones
    (80 % where there are no primary ones)."""
    csr = round(sum(verdicts) / len(verdicts), 2)
    by_kind = {
        kind: [one for one, its in zip(verdicts, kinds, strict=True) if its == kind] for kind in (PRIMARY, SECONDARY)
    }
    primary, secondary = by_kind[PRIMARY], by_kind[SECONDARY]
    if 0 in primary:
        psr = 0
    elif not primary:
        psr = int(csr > 0.8)
    elif not secondary:
        psr = 1
    else:
        psr = int(0.5 + 0.5 * round(sum(secondary) / len(secondary), 2) > 0.8)
    return {"csr": csr, "isr": int(csr >= 1), "psr": psr}
