//! UUIDs that follow from what they stand for (version 5, RFC 9562), so that the same runs give the same document.

use ring::digest;

/// The name space of URLs, RFC 9562.
const OF_URLS: [u8; 16] = 0x6ba7_b811_9dad_11d1_80b4_00c0_4fd4_30c8_u128.to_be_bytes();

/// The UUID of a thing that these texts tell from all others.
pub fn uuid(parts: &[&str]) -> String {
    // As JSON: no two lists of texts are the same there.
    named(&format!("urn:lifeboat:controls:{}", serde_json::json!(parts)))
}

fn named(name: &str) -> String {
    // What version 5 is made with; nothing is secured by it.
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&OF_URLS);
    context.update(name.as_bytes());
    let digest = context.finish();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest.as_ref()[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x50;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_of_the_standard() {
        // Python: uuid.uuid5(uuid.NAMESPACE_URL, "https://www.example.com/")
        assert_eq!(named("https://www.example.com/"), "3d3ed9d2-aa3d-5fa6-90e8-ed662e90f559");
        assert_ne!(uuid(&["a", "b"]), uuid(&["a\",\"b"]));
        assert_eq!(uuid(&["a", "b"]), uuid(&["a", "b"]));
    }
}
