"""`python -m cwa_pipeline` is the command line too."""

from cwa_pipeline.cli import main

main()
