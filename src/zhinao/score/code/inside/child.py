"""A process behind walls: either the program, which answers calls, or its tests, which make them and tell the verdict.

Started as `python -I -S child.py`; its standard input brings one message with everything, the numbers of its channels among it.
The program never sees its tests: what they expect is in another process, and so is who tells the verdict.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import builtins
import importlib

import values
import walls
import wire

NO_WALLS = 77
TASK = 0  # the parent writes one message there


def main() -> None:
    task = wire.receive(TASK)
    os.dup2(os.open(os.devnull, os.O_RDONLY), TASK)
    sys.path[:] = task["path"]
    for name in ("math", "re", "collections", "itertools", "functools", "heapq", "typing", "string", "random"):
        __import__(name)
    os.chdir(task["folder"])
    names = ("folder", "readable", "seconds", "memory", "without")
    try:
        stand = walls.build(**{name: task[name] for name in names})
    except (OSError, ValueError):
        os._exit(NO_WALLS)
    if task["role"] == "program":
        Program(task, stand).serve()
    else:
        Tests(task).run()


class Program:
    """Runs the text, then does what it is asked for: call a name, a method, go through an object.

    Its name is the one that `exec` with an empty namespace finds, as the benchmarks' own tools run it: a block for `__main__`
    does not run, and dataclasses find their module.
    """

    def __init__(self, task: dict, stand: list[str]):
        self.calls, self.answers = task["calls"], task["answers"]
        self.names, self.objects = {"__name__": "builtins"}, []
        wire.send(self.answers, {"walls": stand})
        try:
            exec(compile(task["text"], "program.py", "exec"), self.names)
            told = {"names": self._public()}
        except BaseException as error:
            told = {"raised": _name(error), "said": _said(error)}
        wire.send(self.answers, told)

    def _public(self) -> dict[str, str | None]:
        """Names of the program; of an imported module its own name."""
        names = [name for name in self.names if isinstance(name, str) and not name.startswith("__")]
        return {name: value.__name__ if type(value := self.names[name]) is type(sys) else None for name in names}

    def serve(self) -> None:
        while True:
            asked = wire.receive(self.calls)
            try:
                told = {"value": values.encode(self._do(asked), self._number)}
            except BaseException as error:
                told = {"raised": _name(error), "said": _said(error)}
            try:
                wire.send(self.answers, told)
            except (wire.Closed, ValueError, RecursionError):
                wire.send(self.answers, {"raised": "ValueError", "said": "what it returns is too long"})

    def _do(self, asked: dict):
        if asked["do"] == "get":
            return self.names[asked["name"]]
        thing = self.names[asked["name"]] if asked["do"] == "call" else self.objects[asked["object"]]
        if asked["do"] == "iterate":
            return list(thing)
        if asked["do"] == "text":
            return str(thing)
        if asked["do"] == "attribute":
            return getattr(thing, asked["name"])
        args = [values.decode(one, self.objects.__getitem__) for one in asked["args"]]
        named = {name: values.decode(one, self.objects.__getitem__) for name, one in asked["named"].items()}
        return thing(*args, **named)

    def _number(self, value) -> int:
        self.objects.append(value)
        return len(self.objects) - 1


class Tests:
    """Runs the tests' text with stand-ins for the program's names; the verdict goes to the parent alone."""

    def __init__(self, task: dict):
        self.calls, self.answers, self.told, self.text = (task[name] for name in ("calls", "answers", "told", "text"))
        self.tested = task["tested"]

    def run(self) -> None:
        try:
            wire.send(self.told, wire.receive(self.answers))  # its walls, sent before the program ran
            first = wire.receive(self.answers)
            if "raised" in first:
                return self._tell("error", f"{first['raised']}: {first['said']}")
            exec(compile(self.text, "tests.py", "exec"), self._names(first["names"]))
        except AssertionError as error:
            self._tell("failed", _said(error))
        except wire.Closed:
            self._tell("died", "the program's process ended")
        except BaseException as error:
            self._tell("error", f"{_name(error)}: {_said(error)}")
        else:
            self._tell("passed", "")

    def _tell(self, outcome: str, detail: str) -> None:
        wire.send(self.told, {"outcome": outcome, "detail": detail[:500]})

    def _names(self, public: dict) -> dict:
        """What the tests see of the program: never in place of Python's own modules, and of its names only of one that is tested."""
        names = {"__name__": "tests"}
        for name, module in public.items():
            if module is not None:
                if module.partition(".")[0] in sys.stdlib_module_names:
                    names[name] = importlib.import_module(module)
            elif name in self.tested or not hasattr(builtins, name):
                names[name] = self._stand_in(name)
        return names

    def _stand_in(self, name: str):
        value = self.ask(do="get", name=name)
        return Named(self, name) if isinstance(value, Thing) else value

    def ask(self, **asked):
        """Raises what the program raised, by its name where it is one of Python's."""
        wire.send(self.calls, asked)
        told = wire.receive(self.answers)
        if "raised" in told:
            kind = getattr(builtins, str(told["raised"]), None)
            is_error = isinstance(kind, type) and issubclass(kind, Exception) and kind is not AssertionError
            raise (kind if is_error else RuntimeError)(str(told.get("said")))
        return values.decode(told["value"], lambda number: Thing(self, number))

    def encoded(self, value):
        return values.encode(value, lambda one: one.number if isinstance(one, Thing) else _refuse(one))


def _refuse(value):
    raise TypeError(f"tests cannot hand over {type(value).__name__}")


class Named:
    """A function or class of the program."""

    def __init__(self, tests: Tests, name: str):
        self._tests, self.__name__ = tests, name

    def __call__(self, *args, **named):
        tests = self._tests
        return tests.ask(
            do="call",
            name=self.__name__,
            args=[tests.encoded(one) for one in args],
            named={name: tests.encoded(one) for name, one in named.items()},
        )


class Thing:
    """An object that stays with the program. Equal to itself alone: what a program says of equality counts for nothing."""

    def __init__(self, tests: Tests, number: int):
        self.__dict__.update(tests=tests, number=number)

    def __iter__(self):
        return iter(self.tests.ask(do="iterate", object=self.number))

    def __str__(self):
        return self.tests.ask(do="text", object=self.number)

    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return self.tests.ask(do="attribute", object=self.number, name=name)

    def __call__(self, *args, **named):
        tests = self.tests
        return tests.ask(
            do="use",
            object=self.number,
            args=[tests.encoded(one) for one in args],
            named={name: tests.encoded(one) for name, one in named.items()},
        )


def _name(error: BaseException) -> str:
    return str(type(error).__name__)[:100]


def _said(error: BaseException) -> str:
    try:
        return str(error)[:500]
    except BaseException:
        return ""


if __name__ == "__main__":
    main()
