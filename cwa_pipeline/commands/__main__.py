"""`python -m cwa_pipeline.commands` is the command line too."""

from cwa_pipeline.commands.main import app

app()
