"""The tasks: each module has `rows(quick)`, which yields `Row`s."""
