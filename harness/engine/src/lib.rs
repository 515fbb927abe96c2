//! Plans, steps, journal, probes: what runs a drill.
