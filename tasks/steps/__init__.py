"""The Prefect layer around the work: load ids, make one call, show what came of it. Nothing is decided here."""
