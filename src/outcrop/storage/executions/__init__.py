"""Executions as rows, and what drives them: journals, revisions, map runs."""
