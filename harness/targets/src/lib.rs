//! What touches the world: RDS and PostgreSQL.
