"""What an answer must look like, in the one notation that the grammar library keeps unharmed: `written(grammar)`."""

from zhinao.engine.base import Grammar


def written(grammar: Grammar) -> str:
    """The grammar as EBNF for the library. Raises UsageError for what is wrong, or cannot be promised."""
    if grammar.kind == "json_schema":
        from zhinao.engine.grammar.schema import rules_of

        return rules_of(grammar.text)
    if grammar.kind == "ebnf":
        from zhinao.engine.grammar.notation import rules_of

        return rules_of(grammar.text)
    from zhinao.engine.grammar import regex
    from zhinao.engine.grammar.rules import Rules

    rules = Rules()
    return rules.written(regex.counted(regex.tree(grammar.text, rules), rules))
