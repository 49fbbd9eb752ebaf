"""What is done: one file for each outside system, one verb in its own words for each function.

A function here takes and returns ids and small frozen models, never personal data; what is personal is fetched
inside the step that needs it, and forgotten with it. Each step says how it is safe to repeat.
"""
