//! A short hash that tells names of one run apart.

/// FNV-1a, 32 bits: the same on every machine and in every version. Not for anything that somebody may want to forge.
pub fn short_hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
