"""A needle in English hay."""

from zhinao.evaluate.tasks._needle import Hay, task

HAY = Hay(
    language="en",
    parts=(
        (
            "In spring ",
            "Every morning ",
            "After the rain ",
            "Late in the evening ",
            "On market days ",
            "When snow lay ",
            "At noon ",
        ),
        (
            "the miller ",
            "an old sailor ",
            "the baker's daughter ",
            "two gardeners ",
            "the station clerk ",
            "a travelling tailor ",
        ),
        (
            "walked slowly ",
            "looked out ",
            "went with a basket ",
            "came singing ",
            "hurried back ",
            "rode a grey horse ",
        ),
        (
            "along the river",
            "past the mill",
            "over the stone bridge",
            "through the orchard",
            "to the harbour",
            "up the hill",
        ),
        (
            ", and nobody asked why. ",
            ", talking of the harvest. ",
            ", as was the custom. ",
            ". ",
            ", while the bells rang. ",
        ),
    ),
    places=("north gate", "old lighthouse", "blue cellar", "clock tower", "glass house", "boat shed"),
    needle="The code of the {place} is {code}. ",
    question="{text}\n\nQuestion: What is the code of the {place}?\nAnswer: The code of the {place} is",
    characters=4.6,
)
TASK = task("needle-en", "needle (English)", HAY)
