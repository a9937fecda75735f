"""What service tasks can do, one module per operation, each a function that does one step."""

from collections.abc import Mapping

from orchestrator.services.operations.deletion import delete_sample
from orchestrator.services.operations.reanalysis import reanalyse_samples
from orchestrator.services.operations.reindexing import reindex
from orchestrator.services.operations.step import (
    DELETE_SAMPLE,
    REANALYSE,
    REINDEX,
    Context,
    Operation,
    Step,
)

OPERATIONS: Mapping[str, Operation] = {
    DELETE_SAMPLE: delete_sample,
    REINDEX: reindex,
    REANALYSE: reanalyse_samples,
}

__all__ = ["DELETE_SAMPLE", "OPERATIONS", "REANALYSE", "REINDEX", "Context", "Operation", "Step"]
