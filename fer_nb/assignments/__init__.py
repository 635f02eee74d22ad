"Assignments that grade themselves: make one of a lab, check a notebook, grade a class, report."
from .classes import check, grade
from .judging import Case, Input, Verdict, judge_function, judge_number, not_yet
from .release import make
from .reports import report
from .sandbox import Limits

__all__ = ["Case", "Input", "Limits", "Verdict", "check", "grade", "judge_function",
           "judge_number", "make", "not_yet", "report"]
