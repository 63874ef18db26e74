"""AWS Step Functions: state machines, versions, aliases, executions, activities and tests of single states.

This package keeps machines and answers in AWS's words; executions are run by `platform.executions`, the States Language
is read by `outcrop.workflows.asl`.
"""
