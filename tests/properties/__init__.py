"""Properties of the package on random cases: see `campaign.py`."""
