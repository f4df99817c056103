"""MBPP's three examples (its items 2, 3 and 4), in the very spelling in which OpenCompass hands them to a model."""


def asked(text: str, tests: str, end: str = "  \n") -> str:
    """A task and its asserts, up to the mark behind which code begins."""
    head = f"You are an expert Python programmer, and here is your task: {text} Your code should pass these tests:"
    return f"{head}\n\n {tests}{end}\n[BEGIN]\n"


def _example(text: str, tests: list[str], code: str) -> str:
    """The asserts stand on lines that begin with a space, and all but the first example's first end with one."""
    shown = "\n".join(tests).removeprefix(" ")
    return asked(text, shown, "\n") + f" '{code}' \n[DONE] \n\n \n"


EXAMPLES = "".join(
    (
        _example(
            "Write a function to find the similar elements from the given two tuple lists.",
            [
                " assert similar_elements((3, 4, 5, 6),(5, 7, 4, 10)) == (4, 5)",
                " assert similar_elements((1, 2, 3, 4),(5, 4, 3, 7)) == (3, 4) ",
                " assert similar_elements((11, 12, 14, 13),(17, 15, 14, 13)) == (13, 14) ",
            ],
            "def similar_elements(test_tup1, test_tup2):\r\n  res = tuple(set(test_tup1) & set(test_tup2))\r\n  return (res)",
        ),
        _example(
            "Write a python function to identify non-prime numbers.",
            [
                " assert is_not_prime(2) == False ",
                " assert is_not_prime(10) == True ",
                " assert is_not_prime(35) == True ",
            ],
            "import math\r\ndef is_not_prime(n):\r\n    result = False\r\n    for i in range(2,int(math.sqrt(n)) + 1):\r\n        if n % i == 0:\r\n            result = True\r\n    return result",
        ),
        _example(
            "Write a function to find the largest integers from a given list of numbers using heap queue algorithm.",
            [
                " assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],3)==[85, 75, 65] ",
                " assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],2)==[85, 75] ",
                " assert heap_queue_largest( [25, 35, 22, 85, 14, 65, 75, 22, 58],5)==[85, 75, 65, 58, 35] ",
            ],
            "import heapq as hq\r\ndef heap_queue_largest(nums,n):\r\n  largest_nums = hq.nlargest(n, nums)\r\n  return largest_nums",
        ),
    )
)
