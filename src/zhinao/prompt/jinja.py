"""A chat template as transformers compiles it: Jinja's immutable sandbox and what templates find in it. Sets no limits.

`{% generation %}…{% endgeneration %}` blocks, which mark what the assistant wrote, come out between two marker characters.
"""

import datetime
import functools
import json


def rendered(template: str, context: dict, open_mark: str, close_mark: str) -> dict[str, str]:
    """`text`, or an `error` in the template's own words: a stranger's program may raise anything. Raises MemoryError."""
    try:
        return {"text": compiled(template, open_mark, close_mark).render(**context)}
    except MemoryError:
        raise
    except RecursionError:
        return {"error": "it calls itself without end"}
    except Exception as error:
        return {"error": str(error) or type(error).__name__}


@functools.lru_cache(maxsize=16)
def compiled(template: str, open_mark: str, close_mark: str):
    from jinja2 import ext, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(ext.Extension):
        tags = {"generation"}  # noqa: RUF012 (Jinja's own form)

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("marked"), [], [], body).set_lineno(line)

        def marked(self, caller) -> str:
            return open_mark + caller() + close_mark

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, ext.loopcontrols]
    )
    environment.filters["tojson"] = _tojson
    environment.globals["raise_exception"] = _raise
    environment.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return environment.from_string(template)


def _tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False) -> str:
    """JSON with plain characters: Jinja's own filter escapes `<`, and escaped characters would hide our marks."""
    if ensure_ascii:
        raise ValueError("tojson(ensure_ascii=true)")
    return json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str):
    from jinja2 import TemplateError

    raise TemplateError(message)
