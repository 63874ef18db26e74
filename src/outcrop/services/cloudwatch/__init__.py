"""Amazon CloudWatch's metrics: what was counted, put and asked for. Alarms and dashboards are not built."""
