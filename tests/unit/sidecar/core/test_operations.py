from __future__ import annotations

import pytest

from eureka_sidecar.core.operations import Answer, Operation, Outcome, outcome

EVERY = tuple(Operation)
OTHERS = tuple(each for each in Operation if each is not Operation.REGISTER)


@pytest.mark.parametrize(
    ("statuses", "operations", "expected"),
    [
        ((200, 202, 204, 299), EVERY, Outcome.DONE),
        ((404,), EVERY, Outcome.MISSING),
        ((405,), (Operation.REGISTER,), Outcome.MISSING),
        ((405,), OTHERS, Outcome.INVALID),
        ((401, 407), EVERY, Outcome.DENIED),
        ((403,), EVERY, Outcome.FORBIDDEN),
        ((301, 302, 307, 308, 400, 409, 410, 413, 415, 422, 499), EVERY, Outcome.INVALID),
        ((408, 425, 429), EVERY, Outcome.FAILED),
        ((500, 501, 502, 503, 504, 599, 999), EVERY, Outcome.FAILED),
        ((0, 100, 101, 199), EVERY, Outcome.FAILED),
    ],
)
def test_answer_means_what_its_status_says(
    statuses: tuple[int, ...], operations: tuple[Operation, ...], expected: Outcome
) -> None:
    """What may pass by itself is asked again; what somebody must mend is explained.

    A path that is not Eureka's often takes GET only, so its 405 to a registration is a 404.
    """
    found = {outcome(operation, Answer(each)) for operation in operations for each in statuses}

    assert found == {expected}


def test_success_needs_no_body_and_failure_no_reason() -> None:
    """Netflix answers 204 to a registration, Spring's Gateway without a text."""
    answer = Answer(204)

    assert (answer.body, answer.reason, answer.location, answer.sent) == (b"", "", "", True)
