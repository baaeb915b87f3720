//! A report as text. Sees only the report.
