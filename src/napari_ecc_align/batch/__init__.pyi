from .pairing import Pair, Plan, Problem, Sibling, make_plan
from .records import Record, read_record, read_records
from .report import write_report
from .review import accept, correct, reject
from .running import Counts, Finished, run_plan
from .settings import Settings

__all__ = [
    "Counts",
    "Finished",
    "Pair",
    "Plan",
    "Problem",
    "Record",
    "Settings",
    "Sibling",
    "accept",
    "correct",
    "make_plan",
    "read_record",
    "read_records",
    "reject",
    "run_plan",
    "write_report",
]
