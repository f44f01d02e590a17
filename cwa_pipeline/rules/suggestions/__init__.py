"""How alike a computer of CWA and a machine of PCRT are: the evidence behind a suggested match (`rules.suggestions`)."""
