"""Record review: rank a table's records by doubt, and keep what people decide about them."""

from typing import IO, Annotated

import numpy as np
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from crime.classifier.bundle import CategoryBundle
from crime.classifier.review.served import RunningReview
from crime.core import limits
from crime.core.errors import DataError
from crime.monitoring.review_decisions import ReviewDecision, ReviewDecisions
from crime.reports.archives import UNREADABLE_ERRORS, open_unpacked
from crime.serving.bodies import table_body
from crime.serving.deciders import decided_by
from crime.serving.dependencies import ReviewDecisionsDep, model_of
from crime.serving.errors import BODY_RESPONSES, table_problem
from crime.serving.formats.csv import labelled_blocks, open_csv
from crime.serving.payloads.review import Decided, Review, WantedDecision, decisions_csv, review_answer
from crime.serving.registry_threads import asks_registry
from crime.serving.unreadable import UNREADABLE_RESPONSES, tell_unreadable

router = APIRouter(tags=["review"])
MAX_RECORDS = 1_000  # of an answer
TABLE_BODY = {"requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}}


@router.post(
    "/review",
    responses=BODY_RESPONSES | {409: {"description": "the model is of a release that kept no codes"}},
    openapi_extra=TABLE_BODY,
)
async def review(
    request: Request,
    top: Annotated[int, Query(ge=1, le=MAX_RECORDS, description="records in the answer, the most doubtful")] = 100,
    day_first: Annotated[
        bool | None, Query(description="of a table whose dates are as 01/02/2020, where its rows do not tell")
    ] = None,
) -> Review:
    """Rank the records of a CSV table by how much their fields speak for another crime code than the recorded one.

    The model that answers judges, so records that it learnt from are doubted too little: the answer says which.
    `crime review` judges any table by models that did not learn from the record.
    """
    champion = model_of(request)
    body = table_body(request)
    return await run_in_threadpool(_review_table, champion, body, top, day_first)


def _review_table(champion: CategoryBundle, file: IO[bytes], top: int, day_first: bool | None) -> Review:
    running = RunningReview(champion, top)
    try:
        with file, open_unpacked(file, limits.UNPACKED_BYTES) as unpacked:
            table = open_csv(unpacked, day_first)
            for numbers, reports in labelled_blocks(table):
                running.add(reports, np.array(numbers, int))
    except (DataError, *UNREADABLE_ERRORS) as error:
        raise table_problem(error) from None
    tally, data = table.tally, champion.spec.data
    return review_answer(running.result(), tally.rows, dict(tally.rejected), data.until, champion.version)


@router.post("/review/decisions", status_code=201, responses=BODY_RESPONSES)
@asks_registry
def decide(wanted: WantedDecision, kept: ReviewDecisionsDep, request: Request) -> Decided:
    """Keep what somebody decided about a record. Nothing is changed or removed: the latest decision holds."""
    by = decided_by(request, wanted.by)
    return Decided.of(kept.append(**(wanted.model_dump() | {"by": by})))


@router.get("/review/decisions", responses=UNREADABLE_RESPONSES)
@asks_registry
def decisions(kept: ReviewDecisionsDep, response: Response) -> list[Decided]:
    """Every decision, the oldest first. Entries that can't be read are left out and counted in a header."""
    return [Decided.of(decision) for decision in _read(kept, response)]


@router.get(
    "/review/decisions.csv",
    response_class=Response,
    responses={
        200: UNREADABLE_RESPONSES[200]
        | {"description": "a table", "content": {"text/csv": {"schema": {"type": "string"}}}}
    },
)
@asks_registry
def decisions_table(kept: ReviewDecisionsDep) -> Response:
    """Every decision as a CSV table, the oldest first."""
    headers = {"Content-Disposition": 'attachment; filename="decisions.csv"'}
    response = Response(media_type="text/csv", headers=headers)
    response.body = decisions_csv(_read(kept, response)).encode()
    response.headers["Content-Length"] = str(len(response.body))
    return response


def _read(kept: ReviewDecisions, response: Response) -> list[ReviewDecision]:
    unreadable: list[str] = []
    decisions = kept.read(unreadable)
    tell_unreadable(response, "review decisions", unreadable)
    return decisions
