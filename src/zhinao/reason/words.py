"""What help of `reason/` says in Chinese; the keys are the English that the code holds."""

from zhinao.lang import dictionary

CHINESE = {
    "folder for the models and the page": "存放模型与页面的目录",
    "a shorter tour, of less than three minutes": "较短的游览，不到三分钟",
    "of everything that is drawn (default: %(default)s)": "所有随机过程的种子（默认 %(default)s）",
}
translated = dictionary(CHINESE)
