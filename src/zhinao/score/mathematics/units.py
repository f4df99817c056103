"""Units that stand behind a number, as data: what they measure and how large they are. Other words behind a number count things."""

import re
from fractions import Fraction

_TABLE = {
    "length": {"mm 毫米 millimeter millimeters": "1/1000", "cm 厘米 公分 centimeter centimeters": "1/100", "dm 分米": "1/10", "m 米 meter meters metre metres": "1", "km 千米 公里 kilometer kilometers": "1000", "in inch inches 英寸": "127/5000", "ft foot feet 英尺": "381/1250", "mile miles 英里": "1609.344"},
    "area": {"cm^2 平方厘米": "1/10000", "m^2 平方米 平米": "1", "km^2 平方千米 平方公里": "1000000", "公顷 hectare hectares": "10000"},
    "volume": {"ml mL 毫升 cm^3 立方厘米": "1/1000", "l L 升 liter liters dm^3 立方分米": "1", "m^3 立方米": "1000"},
    "mass": {"mg 毫克": "1/1000", "g 克 gram grams": "1", "kg 千克 公斤 kilogram kilograms": "1000", "斤": "500", "t 吨 ton tons tonnes": "1000000"},
    "time": {"s 秒 秒钟 second seconds sec": "1", "min 分钟 minute minutes": "60", "h 小时 hour hours": "3600", "天 日 day days": "86400"},
    "speed": {"m/s 米/秒": "1", "km/h 千米/时 千米/小时 公里/小时": "5/18"},
    "yuan": {"元 块 块钱 圆 人民币 yuan ¥ rmb": "1", "角": "1/10", "分钱": "1/100"},
    "dollar": {"$ dollar dollars 美元 usd": "1", "cent cents 美分": "1/100"},
    "euro": {"€ euro euros 欧元": "1"},
    "pound": {"£ pounds pound 英镑": "1"},
    "degree": {"° degree degrees 度 deg": "1"},
}  # fmt: skip
KNOWN = {
    name: (kind, Fraction(size))
    for kind, sizes in _TABLE.items()
    for names, size in sizes.items()
    for name in names.split()
}
# What counts things in an answer, and says nothing about its size.
_COUNTED = [
    "个",
    "只",
    "头",
    "条",
    "本",
    "人",
    "名",
    "位",
    "张",
    "支",
    "枝",
    "辆",
    "棵",
    "颗",
    "粒",
    "种",
    "次",
    "页",
    "岁",
    "年",
    "件",
    "套",
    "块",
    "朵",
    "匹",
    "台",
    "间",
    "排",
    "组",
    "倍",
    "项",
    "步",
    "把",
    "双",
    "瓶",
    "盒",
    "箱",
    "包",
    "袋",
    "篮",
    "筐",
    "道",
    "题",
    "对",
    "场",
    "枚",
    "艘",
    "架",
    "座",
    "层",
    "米每秒",
    "平方单位",
    "units",
    "unit",
    "sq",
    "square",
    "cubic",
]
_THING = re.compile(r"[A-Za-z]{3,20}(?: [A-Za-z]{2,20}){0,2}")
_NO_THING = {"and", "not", "pi", "sin", "cos", "tan", "log", "sqrt", "plus", "minus", "times", "mod", "thousand", "million", "billion", "percent", "hundred", "trillion", "dozen", "only", "half", "over", "inf", "nan", "more", "less", "than", "per", "exp", "infinity", "least", "most", "about", "approximately", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "max", "min", "gcd", "lcm", "to", "or"}  # fmt: skip
_HAN = re.compile(r"[一-鿿]{1,4}")
_HAN_NO = re.compile(r"[或和与及不非多少至到以约左右万亿千百十分之个加减乘除]")


def unit_of(text: str) -> tuple[str | None, Fraction] | None:
    """(what is measured, size) of what stands behind a number; what is measured is None for things; None where it is no unit."""
    text = re.sub(r"\s*\^\s*\{?(\d)\}?", r"^\1", text.strip())
    text = re.sub(r"^(?:square|sq\.?|平方)\s*(cm|m|km|meters?)$", lambda found: found[1] + "^2", text)
    text = re.sub(r"^(?:cubic|立方)\s*(cm|m|meters?)$", lambda found: found[1] + "^3", text)
    text = re.sub(r"^meters?(?=\^)", "m", text)
    known = KNOWN.get(text) or KNOWN.get(text.lower()) or KNOWN.get(text.rstrip("."))
    if known:
        return known
    if text in _COUNTED:
        return None, Fraction(1)
    if _THING.fullmatch(text) and not _NO_THING & set(text.lower().split()):
        return None, Fraction(1)
    counted = text[:1] in _COUNTED and (len(text) == 1 or not _HAN_NO.search(text[1:]))
    return (None, Fraction(1)) if _HAN.fullmatch(text) and (counted or not _HAN_NO.search(text)) else None
