"""What every Rasa process of ours sets before Rasa is imported: no telemetry, few threads, no noise, no texts."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
NEEDS_TENSORFLOW = (
    "DIETClassifier",
    "ResponseSelector",
    "TEDPolicy",
    "UnexpecTEDIntentPolicy",
    "LanguageModelFeaturizer",
    "ConveRTFeaturizer",
)
SETTINGS = {
    "RASA_TELEMETRY_ENABLED": "false",
    "RASA_MAX_CACHE_SIZE": "0",  # our fingerprint decides what is trained; no texts are kept in a cache
    "LOG_LEVEL": "WARNING",
    "LOG_LEVEL_LIBRARIES": "ERROR",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_INTRA_OP_PARALLELISM_THREADS": "1",
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}


def prepare(component_names: Iterable[str]) -> None:
    """Set the process up; TensorFlow and more are left out unless one of `component_names` needs it."""
    os.environ.update(SETTINGS)
    logging.disable(logging.INFO)
    warnings.showwarning = _show_warning
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    if not any(name.rpartition(".")[2] in NEEDS_TENSORFLOW for name in component_names):
        from left_out import leave_out  # noqa: PLC0415 (found by the path set above)

        leave_out()


def quiet_structlog() -> None:
    """Tie Rasa's structured log to the levels above: left alone it prints every text. Call once Rasa is imported."""
    from rasa.utils.log_utils import configure_structlog  # noqa: PLC0415 (imports Rasa)

    configure_structlog(logging.WARNING)


def _show_warning(message: Any, category: type[Warning], *_: Any, **__: Any) -> None:
    """Rasa warns of mistakes in the data with UserWarning; the rest is about the insides of old libraries."""
    if category is UserWarning:
        print(f"warning: {message}", file=sys.stderr)
