"""State machines: the States Language, their executions and what their tasks call. It knows no service of ours."""
