"""Messages: every order and form of them is taken as it is, and reaches the model whole."""

from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, equal, expect, not_crashed, one_of, refused
from zhinao_contract.server import STORY, Server

DONE = ("stop", "length")


def _user(content) -> dict:
    return {"role": "user", "content": content}


def _count(server: Server, *messages: dict, **fields) -> int:
    return server.chat(list(messages), max_tokens=1, **fields).usage["prompt_tokens"]


def _reaches(server: Server, role: str) -> None:
    """40 more words in a message of this role count at least 40 tokens more."""
    few, many = (_count(server, {"role": role, "content": "fox " * n}, _user("Hi.")) for n in (1, 41))
    at_least("tokens of 40 more words", many - few, 40)


@check("messages.system", "M", "the system message reaches the model")
def system(server: Server):
    _reaches(server, "system")


@check("messages.system-kept", "M", "it is still there after several turns")
def system_kept(server: Server):
    turns = [_user("Hi."), {"role": "assistant", "content": "Hello."}] * 3
    few, many = (_count(server, {"role": "system", "content": "fox " * n}, *turns, _user("And?")) for n in (1, 41))
    at_least("tokens of 40 more words", many - few, 40)


@check("messages.developer", "S", "a developer's message reaches the model")
def developer(server: Server):
    _reaches(server, "developer")


@check("messages.history", "M", "earlier turns reach the model")
def history(server: Server):
    few, many = (
        _count(server, _user("Hi."), {"role": "assistant", "content": "fox " * n}, _user("And?")) for n in (1, 41)
    )
    at_least("tokens of 40 more words", many - few, 40)


@check("messages.assistant-first", "M", "the assistant may speak first")
def assistant_first(server: Server):
    one_of("finish_reason", server.chat([{"role": "assistant", "content": "Hello!"}, _user("Hi.")]).finish(), DONE)


@check("messages.two-users", "M", "two messages of the user in a row are both read")
def two_users(server: Server):
    few, many = (_count(server, _user("fox " * n), _user("Hi.")) for n in (1, 41))
    at_least("tokens of 40 more words", many - few, 40)


@check("messages.system-late", "S", "a system message may come later")
def system_late(server: Server):
    few, many = (
        _count(server, _user("Hi."), {"role": "system", "content": "fox " * n}, _user("And?")) for n in (1, 41)
    )
    at_least("tokens of 40 more words", many - few, 40)


@check("messages.parts", "M", "content as a list of text parts is the same as a string")
def parts(server: Server):
    listed = [{"type": "text", "text": STORY}]
    answers = [server.chat([_user(content)]) for content in (listed, STORY)]
    equal("usage.prompt_tokens", answers[0].usage["prompt_tokens"], answers[1].usage["prompt_tokens"])
    equal("the text", answers[0].whole(), answers[1].whole())


@check("messages.several-parts", "M", "all parts are read")
def several_parts(server: Server):
    part = {"type": "text", "text": "fox " * 20}
    few, many = (_count(server, _user([part] * n)) for n in (1, 3))
    at_least("tokens of 40 more words", many - few, 38)


@check(
    "messages.image",
    "S",
    "an image is refused by a model that reads text, not dropped",
)
def image(server: Server):
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    refused(server.try_chat([_user([{"type": "text", "text": "What is this?"}, picture])]), 400, 415, 422)


@check("messages.name", "C", "a message may have a name")
def name(server: Server):
    one_of("finish_reason", server.chat([{**_user("Hi."), "name": "fox"}]).finish(), DONE)


@check("messages.null-content", "S", "content null of a user is a 400")
def null_content(server: Server):
    refused(server.try_chat([_user(None)]), 400, 422)


@check("messages.empty-content", "S", "an empty message crashes nothing")
def empty_content(server: Server):
    not_crashed(server.try_chat([_user("")]))


@check("messages.many", "S", "a conversation of 60 messages is read whole")
def many(server: Server):
    turn = [_user("Hi."), {"role": "assistant", "content": "Hello."}]
    counts = [_count(server, *turn * n, _user("And?")) for n in (1, 30)]
    at_least("tokens of 58 more messages", counts[1] - counts[0], 58 * 4)


@check(
    "messages.continue-final",
    "S",
    "continue_final_message goes on with the last message, in the same turn",
)
def continue_final(server: Server):
    messages = [_user("Count."), {"role": "assistant", "content": "One, two, three,"}]
    fields = {"continue_final_message": True, "add_generation_prompt": False}
    going_on, anew = _count(server, *messages, **fields), _count(server, *messages)
    expect(
        going_on < anew,
        f"the prompt has {going_on} tokens, an ordinary one {anew}",
        f"提示为 {going_on} 个 token，普通为 {anew}",
    )
    one_of("finish_reason", server.chat(messages, **fields).finish(), DONE)


@check(
    "messages.continue-final-user",
    "C",
    "to go on with a message of the user is the caller's wish or a 400",
)
def continue_final_user(server: Server):
    not_crashed(server.try_chat("Once upon", continue_final_message=True, add_generation_prompt=False))


@check(
    "messages.continue-final-conflict",
    "S",
    "with add_generation_prompt true it is a 400",
)
def continue_final_conflict(server: Server):
    messages = [_user("Count."), {"role": "assistant", "content": "One,"}]
    reply = server.try_chat(messages, continue_final_message=True, add_generation_prompt=True)
    refused(reply, 400, 422, naming=("continue_final_message", "add_generation_prompt"))


@check("messages.template-kwargs", "S", "chat_template_kwargs is taken")
def template_kwargs(server: Server):
    one_of("finish_reason", server.chat(chat_template_kwargs={"enable_thinking": False}).finish(), DONE)


@check("messages.user", "M", "the field `user` is taken")
def user(server: Server):
    one_of("finish_reason", server.chat(user="someone@example.org").finish(), DONE)


@check("messages.metadata", "S", "fields of OpenAI's that have no meaning here are taken")
def metadata(server: Server):
    fields = {"metadata": {"a": "b"}, "store": False, "service_tier": "auto"}
    one_of("finish_reason", server.chat(**fields).finish(), DONE)
