"""Benchmark-like questions of our own, and training prompts that are them in disguise, or are not."""

import re

ENGLISH = (
    "A baker fills 24 trays with 18 buns each and sells all but 31 of them before noon. How many buns are sold before noon?",
    "Lena walks around a square park whose side is 350 metres. She stops after 6 rounds. How many kilometres has she walked?",
    "Which gas do the leaves of a green plant take out of the air when the sun shines on them?",
    "Let p be a prime for which p squared plus 14 is prime as well. Find the sum of all such p.",
)
CHINESE = (
    "果园里有苹果树和梨树共96棵，其中苹果树的棵数是梨树的3倍，请问苹果树比梨树多多少棵？",
    "一列火车以每小时120公里的速度通过一座长2400米的大桥，从车头上桥到车尾离桥共用90秒，求这列火车的长度。",
    "下列关于我国农村土地承包经营权流转的说法中，不符合现行法律规定的是哪一项？",
    "已知等差数列的首项为5，公差为4，前n项的和等于230，求项数n的值。",
)
_WIDE = {ord(" "): 0x3000} | {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_REWORDED = (
    "A baker fills 24 trays with 18 rolls each and sells all but 31 of them before noon. How many rolls are sold in the morning?",
    "Lena walks around a square park whose side is 350 metres long. She stops after 6 rounds. How many kilometres did she walk?",
    "Which gas do the leaves of green plants take out of the air when the sun shines on them?",
    "Let p be a prime such that p squared plus 14 is prime as well. Find the sum of all such p.",
    "果园里种有苹果树和梨树共96棵，其中苹果树的棵数是梨树的3倍，问苹果树比梨树多几棵？",
    "一列火车以每小时120公里的速度通过一座长2400米的桥，从车头上桥到车尾离桥一共用了90秒，这列火车有多长？",
    "下列有关我国农村土地承包经营权流转的说法中，不符合现行法律规定的是哪项？",
    "已知一个等差数列的首项为5，公差为4，前n项的和等于230，求项数n。",
)
_TRADITIONAL = (
    "果園裡有蘋果樹和梨樹共96棵，其中蘋果樹的棵數是梨樹的3倍，請問蘋果樹比梨樹多多少棵？",
    "一列火車以每小時120公里的速度通過一座長2400米的大橋，從車頭上橋到車尾離橋共用90秒，求這列火車的長度。",
    "下列關於我國農村土地承包經營權流轉的說法中，不符合現行法律規定的是哪一項？",
    "已知等差數列的首項為5，公差為4，前n項的和等於230，求項數n的值。",
)
PLANTED = {
    "exact": (*ENGLISH, *CHINESE),
    "renumbered": tuple(re.sub(r"\d+", lambda found: str(int(found[0]) + 7), text) for text in (*ENGLISH, *CHINESE)),
    "reworded": _REWORDED,
    "other width": tuple(text.translate(_WIDE) for text in (*ENGLISH, *CHINESE)),
    "other script": _TRADITIONAL,
    "inside a longer prompt": tuple(
        f"Think step by step and put the answer into a box. 请逐步思考。\n{text}\nThank you! 谢谢"
        for text in (*ENGLISH, *CHINESE)
    ),
}
# Alike in manner or in subject, and none of them.
OTHERS = (
    "A farmer fills 12 sacks with potatoes and sells 5 of them at the market. How many sacks are left?",
    "How many kilometres has a cyclist covered after 3 hours at 22 kilometres an hour?",
    "Which metal is liquid at room temperature?",
    "Find the sum of all even numbers below 100.",
    "果园里今年收了多少吨苹果？请写一段新闻。",
    "一列火车从北京开往上海，中途停了三站，请描写车上的乘客。",
    "下列关于光合作用的说法中，正确的是哪一项？",
    "已知等比数列的首项为2，公比为3，求第6项。",
    "12 + 30 = ?",
    "3",
    "hello",
    "你好",
    "……",
)
