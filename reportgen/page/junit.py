"""Claims and conditions as tests in JUnit's XML, which every CI shows: ``junit.xml`` and ``gates.xml`` beside the digest."""

from collections.abc import Mapping, Sequence
from typing import Any

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from reportgen.page.conclusion import reason
from reportgen.page.filters import interval
from reportgen.page.gates import Judged


def of_claims(claims: Sequence[Mapping[str, Any]]) -> bytes:
    """The claims of a report: one that is contradicted fails, one that is undecided or not tested is skipped."""
    return _file("claims", [_claim(claim) for claim in claims])


def of_gates(judged: Sequence[Judged]) -> bytes:
    """The conditions of ``FAIL_ON=``: one that is not judged is skipped."""
    cases = []
    for one in judged:
        case = _case("gates", one.gate.text, one.why)
        if one.outcome != "passed":
            case.result = [(Failure if one.outcome == "failed" else Skipped)(_plain(one.why), one.outcome)]
        cases.append(case)
    return _file("gates", cases)


def _claim(claim: Mapping[str, Any]) -> TestCase:
    verdict, measured = claim["verdict"], "" if claim["estimate"] is None else interval(claim)
    case = _case("claims", f"{claim['id']}: {claim['statement']}", measured)
    said = "; ".join(filter(None, (verdict, measured, reason(claim))))
    if verdict == "contradicted":
        case.result = [Failure(_plain(said), verdict)]
    elif verdict != "holds":
        case.result = [Skipped(_plain(said), verdict)]
    return case


def _case(suite: str, name: str, output: str) -> TestCase:
    case = TestCase(_plain(name), f"reportgen.{suite}")
    if output:
        case.system_out = _plain(output)
    return case


def _file(name: str, cases: Sequence[TestCase]) -> bytes:
    suite = TestSuite(name)
    suite.add_testcases(list(cases))
    found = JUnitXml("reportgen")
    found.add_testsuite(suite)
    found.update_statistics()
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + found.tostring() + b"\n"


def _plain(text: str) -> str:
    """A text without the control characters that XML does not allow."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
