"""What clients may call a model. One rule for both engines, so that a client need not know which one runs."""

from zhinao.family import Release


def names(own_name: str, release: Release | None) -> tuple[str, ...]:
    """Its own name first (that of answers), then those that the publisher's README uses for it."""
    published = (release.hub_id.partition("/")[2], release.hub_id, release.short) if release else ()
    return tuple(dict.fromkeys((own_name, *published)))
