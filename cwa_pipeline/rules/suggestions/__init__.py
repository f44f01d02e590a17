"""The likeliest PCIDs of a computer that was not matched."""
