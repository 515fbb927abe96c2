//! Random tables and random edits: what is found is exactly what was edited.
