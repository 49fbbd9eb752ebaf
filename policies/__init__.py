"""What is decided: pure functions on typed facts, TOML numbers, message templates.

Nothing here looks anything up, acts, or knows the time of day: facts and dates come in, decisions come out.
"""
