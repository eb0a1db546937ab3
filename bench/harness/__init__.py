"""What scripts/bench is made of: rows and their targets, processes, runs, reports."""
