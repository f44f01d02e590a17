"""What the pipeline decides: pure functions, typed frames in and out.

No Dagster, no input or output, no clock, and no loop over the rows of a table.
"""
