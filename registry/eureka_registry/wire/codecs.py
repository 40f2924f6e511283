"""The encoders of all forms, for code that joins documents from pieces."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import msgspec

from eureka_registry.core.model import Instance
from eureka_registry.wire import jsoncodec, xmlcodec
from eureka_registry.wire.negotiate import Form, Format

Frame = tuple[bytes, bytes]
"""What stands before and behind the pieces."""

_IN_APPLICATION = 1
"""Depth of an instance in the XML document of one application; in that of all it is 2."""


class Codec(msgspec.Struct, frozen=True):
    """The encoders of one form.

    `instance` and `departure` write an instance of a list, `instance_alone` one of an
    application's own document, `single` a document of one instance. `applications` frames all
    (version, hash), `application` one of several (name), `alone` one by itself (name).
    """

    instance: Callable[[Instance], bytes]
    departure: Callable[[Instance], bytes]
    instance_alone: Callable[[Instance], bytes]
    single: Callable[[Instance], bytes]
    applications: Callable[[str, str], Frame]
    application: Callable[[str], Frame]
    alone: Callable[[str], Frame]
    separator: bytes


@cache
def codec_for(form: Form) -> Codec:
    """The encoders of a form."""
    return _json(form) if form.format is Format.JSON else _xml(form)


def _json(form: Form) -> Codec:
    encode = jsoncodec.encode_compact if form.compact else jsoncodec.encode_instance
    return Codec(
        instance=encode,
        departure=encode if form.compact else jsoncodec.encode_departure,
        instance_alone=encode,
        single=jsoncodec.encode_single,
        applications=partial(jsoncodec.applications_frame, form),
        application=partial(jsoncodec.application_frame, form),
        alone=partial(jsoncodec.application_frame, form, alone=True),
        separator=jsoncodec.SEPARATOR,
    )


def _xml(form: Form) -> Codec:
    compact = partial(xmlcodec.encode_compact, v1=form.v1)
    listed = partial(xmlcodec.encode_instance, depth=2, v1=form.v1)
    alone = partial(xmlcodec.encode_instance, depth=_IN_APPLICATION, v1=form.v1)
    return Codec(
        instance=compact if form.compact else listed,
        departure=compact if form.compact else partial(xmlcodec.encode_departure, v1=form.v1),
        instance_alone=compact if form.compact else alone,
        single=partial(xmlcodec.encode_single, v1=form.v1),
        applications=partial(xmlcodec.applications_frame, form),
        application=partial(xmlcodec.application_frame, form),
        alone=partial(xmlcodec.application_frame, form, alone=True),
        separator=xmlcodec.SEPARATOR,
    )
