//! The digest of an item: the same for items that DynamoDB takes for equal, in whatever order their attributes and the
//! members of their sets come and however their numbers are spelled; another for any other.
//!
//! 128 bits: two different items of one table agree by chance less often than hardware errs. The hash has a random seed,
//! another for each comparison: which items agree cannot be worked out beforehand, and two that happened to agree once are
//! told apart by the next comparison. So digests mean nothing outside of the comparison that they are of. It is no
//! cryptographic digest, which would take longer than the reading: nothing is guaranteed against somebody who makes items
//! that agree under many seeds.

use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use twox_hash::XxHash3_128;

use super::number::Number;
use crate::{AwsError, Effect};

/// An item as the SDK gives it.
pub(super) type Item = HashMap<String, AttributeValue>;

/// What is left of an item when it is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digested {
    /// Of its key.
    pub key: u128,
    /// Of all of it, the key included: a value swapped between two items changes both.
    pub item: u128,
}

/// Digests the items of one comparison. Its clones give the same digests, any other one gives others.
#[derive(Debug, Clone)]
pub(super) struct Digester {
    key: Arc<[String]>,
    seed: u64,
    buffer: Vec<u8>,
}

impl Digester {
    /// For items with a key of these attributes.
    pub(super) fn new(key: &[String]) -> Self {
        Self { key: key.into(), seed: rand::random(), buffer: Vec::new() }
    }

    /// Digests one item.
    ///
    /// # Errors
    /// If it lacks its key, or has an attribute of a type that is not known here.
    pub(super) fn of(&mut self, item: &Item) -> Result<Digested, AwsError> {
        self.buffer.clear();
        for name in &*self.key {
            let value = item.get(name).ok_or_else(|| not_understood(name, "is of the key, and not there"))?;
            write_value(name, value, &mut self.buffer)?;
        }
        let key = XxHash3_128::oneshot_with_seed(self.seed, &self.buffer);
        self.buffer.clear();
        write_map(item, &mut self.buffer)?;
        Ok(Digested { key, item: XxHash3_128::oneshot_with_seed(self.seed, &self.buffer) })
    }
}

/// Whether two values are equal to DynamoDB.
///
/// # Errors
/// If one has a type that is not known here.
pub(super) fn same(name: &str, left: &AttributeValue, right: &AttributeValue) -> Result<bool, AwsError> {
    let bytes = |value| {
        let mut out = Vec::new();
        write_value(name, value, &mut out).map(|()| out)
    };
    Ok(bytes(left)? == bytes(right)?)
}

fn not_understood(name: &str, cause: &str) -> AwsError {
    AwsError {
        call: "Scan",
        code: "not-understood".into(),
        message: format!("attribute {name:?} of an item {cause}"),
        effect: Effect::None,
    }
}

// Each value is written with its type, and with its length where others follow: no two values share their bytes.

fn write_map(map: &Item, out: &mut Vec<u8>) -> Result<(), AwsError> {
    let mut members: Vec<(&String, &AttributeValue)> = map.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    write_length(members.len(), out);
    for (name, value) in members {
        write_bytes(name.as_bytes(), out);
        write_value(name, value, out)?;
    }
    Ok(())
}

/// `name` is of the attribute that it is in, for the error.
fn write_value(name: &str, value: &AttributeValue, out: &mut Vec<u8>) -> Result<(), AwsError> {
    match value {
        AttributeValue::S(text) => write_tagged(b's', text.as_bytes(), out),
        AttributeValue::N(number) => write_number(number, out),
        AttributeValue::B(bytes) => write_tagged(b'b', bytes.as_ref(), out),
        AttributeValue::Bool(value) => out.extend_from_slice(&[b'o', u8::from(*value)]),
        AttributeValue::Null(value) => out.extend_from_slice(&[b'0', u8::from(*value)]),
        AttributeValue::M(members) => {
            out.push(b'm');
            write_map(members, out)?;
        }
        AttributeValue::L(members) => {
            out.push(b'l');
            write_length(members.len(), out);
            for member in members {
                write_value(name, member, out)?;
            }
        }
        AttributeValue::Ss(members) => {
            write_set(b'S', members, |text, out| out.extend_from_slice(text.as_bytes()), out);
        }
        AttributeValue::Ns(members) => write_set(b'N', members, |number, out| write_number(number, out), out),
        AttributeValue::Bs(members) => {
            write_set(b'B', members, |bytes, out| out.extend_from_slice(bytes.as_ref()), out);
        }
        _ => return Err(not_understood(name, "has a type that this version does not know")),
    }
    Ok(())
}

fn write_set<T>(kind: u8, members: &[T], write: impl Fn(&T, &mut Vec<u8>), out: &mut Vec<u8>) {
    let mut written: Vec<Vec<u8>> = members
        .iter()
        .map(|member| {
            let mut bytes = Vec::new();
            write(member, &mut bytes);
            bytes
        })
        .collect();
    written.sort_unstable();
    out.push(kind);
    write_length(written.len(), out);
    for bytes in written {
        write_bytes(&bytes, out);
    }
}

fn write_number(text: &str, out: &mut Vec<u8>) {
    // What is no number is compared as the text that it is.
    let Some(number) = Number::parse(text) else { return write_tagged(b'?', text.as_bytes(), out) };
    out.push(b'n');
    let length_at = out.len();
    write_length(0, out);
    let from = out.len();
    number.write(out);
    let length = u64::try_from(out.len() - from).unwrap_or(u64::MAX).to_le_bytes();
    out[length_at..from].copy_from_slice(&length);
}

fn write_tagged(kind: u8, bytes: &[u8], out: &mut Vec<u8>) {
    out.push(kind);
    write_bytes(bytes, out);
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    write_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

fn write_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&u64::try_from(length).unwrap_or(u64::MAX).to_le_bytes());
}
