"""A needle in Chinese hay."""

from zhinao.evaluate.tasks._needle import Hay, task

HAY = Hay(
    language="zh",
    parts=(
        ("春天里，", "每天清晨，", "雨停之后，", "傍晚时分，", "赶集的日子，", "下雪的时候，", "正午前后，"),
        ("磨坊主", "一位老船工", "面包师的女儿", "两个园丁", "车站的职员", "走街串巷的裁缝"),
        ("慢慢地走过", "提着篮子来到", "哼着歌经过", "匆匆赶往", "骑着灰马路过", "远远望着"),
        ("河边的小路", "村口的石桥", "山脚的果园", "热闹的码头", "安静的祠堂", "城外的麦田"),
        ("，没有人问为什么。", "，谈论着今年的收成。", "，这是多年的习惯。", "。", "，钟声正好响起。"),
    ),
    places=("北门", "旧灯塔", "蓝色地窖", "钟楼", "玻璃花房", "船坞"),
    needle="{place}的密码是{code}。",
    question="{text}\n\n问：{place}的密码是多少？\n答：{place}的密码是",
    characters=1.6,
)
TASK = task("needle-zh", "needle (Chinese)", HAY)
