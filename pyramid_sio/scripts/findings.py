"""What ``psio doctor`` has found, and the line that mends it.

Upstream: ``scripts.doctor`` and ``scripts.inside``. Downstream: the screen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    :param subject: what: ``polling``, ``websocket``, ...
    :param text: how it is
    :param mend: lines to write somewhere; empty: nothing is wrong
    :param where: where they belong
    """

    subject: str
    text: str
    mend: tuple[str, ...] = ()
    where: str = ""
    is_fine: bool = field(default=True)


@dataclass
class Report:
    """Findings in the order in which they were made."""

    findings: list[Finding] = field(default_factory=list)

    def fine(self, subject: str, text: str) -> None:
        """Something works."""
        self.findings.append(Finding(subject, text))

    def wrong(self, subject: str, text: str, *mend: str, where: str = "") -> None:
        """Something does not; ``mend`` are the lines that help, ``where`` says where they go."""
        self.findings.append(Finding(subject, text, mend, where, is_fine=False))

    @property
    def is_well(self) -> bool:
        return all(finding.is_fine for finding in self.findings)

    def write(self, out: Callable[[str], None]) -> None:
        """Say it to a person."""
        for finding in self.findings:
            mark = "ok   " if finding.is_fine else "WRONG"
            out(f"{mark} {finding.subject}: {finding.text}")
            if finding.mend:
                out(f"      in {finding.where}:" if finding.where else "      do:")
            for line in finding.mend:
                out(f"          {line}")
