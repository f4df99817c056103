"""The list of models, one model, and names that are none."""

from zhinao_contract.contract import check
from zhinao_contract.expect import at_least, equal, kind, refused, text
from zhinao_contract.server import CHAT, Server


@check("models.list", "M", "`GET /v1/models` lists models")
def list_models(server: Server):
    reply = server.get("/v1/models")
    equal("status", reply.status, 200)
    equal("object", reply.json().get("object"), "list")
    kind("data", reply.json().get("data"), list)
    at_least("len(data)", len(reply.json()["data"]), 1)
    for card in reply.json()["data"]:
        text("data[].id", card.get("id"))
        equal("data[].object", card.get("object"), "model")


@check("models.card", "S", "a listed model has `created` and `owned_by`")
def card(server: Server):
    for one in server.get("/v1/models").json()["data"]:
        kind("created", one.get("created"), int)
        kind("owned_by", one.get("owned_by"), str)


@check("models.get", "M", "`GET /v1/models/{id}` gives one model")
def get_model(server: Server):
    reply = server.get(f"/v1/models/{server.model}")
    equal("status", reply.status, 200)
    equal("id", reply.json().get("id"), server.model)
    equal("object", reply.json().get("object"), "model")


@check("models.get-unknown", "M", "an unknown model's card is a 404")
def get_unknown(server: Server):
    refused(server.get("/v1/models/there-is-no-such-model"), 404)


@check(
    "models.chat-unknown",
    "M",
    "a chat with an unknown model is a 404 that names it",
)
def chat_unknown(server: Server):
    refused(server.try_chat(model="there-is-no-such-model"), 404, naming=("there-is-no-such-model",))


@check("models.complete-unknown", "M", "a completion with an unknown model is a 404")
def complete_unknown(server: Server):
    server.needs("/v1/completions")
    refused(server.try_completion(model="there-is-no-such-model"), 404)


@check("models.wrong-type", "M", "a model name that is a number is a 400")
def wrong_type(server: Server):
    refused(server.post(CHAT, {**server.chat_body(), "model": 5}), 400, 404, 422, naming=("model",))
