"""What the pipeline decides, as the rules have it: typed frames in, typed frames out.

What belongs here: pure functions, one a rule. What must not: Dagster, input or output, the clock, a loop over the rows
of a table.
"""

from cwa_pipeline.rules import client_issues, computer_issues, group_issues

__all__ = ["client_issues", "computer_issues", "group_issues"]
