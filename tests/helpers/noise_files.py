"""A file of training noise, as ``make noise`` writes it."""

from typing import Any

FILE: dict[str, Any] = {
    "schema": 1,
    "about": {"trainings": 20},
    "analyses": {
        "features": {
            "conditions": {"data": {"size": 96}},
            "claims": {"grouping": {"layer 2": {"tau": 0.1, "mean": 1, "trainings": 20}}},
        }
    },
}
