"""Is the custom model better than its base? Scores, intervals, verdicts, and the split that keeps them honest.

Pure functions over texts and numbers: nothing here calls a model, opens a socket or prints.
"""
