"""What watches over calls rather than serving them: the audit trail, quotas."""
