"""The relational state: engine, tables and migrations. SQLAlchemy Core only, so PostgreSQL stays possible."""
