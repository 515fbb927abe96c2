//! The items that differ as a person reads them.

use aws_sdk_dynamodb::types::AttributeValue;

use super::locate::{Found, Seen};
use super::pair::{Pair, Side};
use super::{DifferentItem, ItemDifference};
use crate::AwsError;
use crate::dynamodb::item_digest::{Item, same};
use crate::dynamodb::scan::{Reader, value_text};

/// At most so many are shown.
pub(super) const SHOWN: usize = 20;
/// A value is shown up to here.
const VALUE_CHARS: usize = 200;

/// One of the differences, by its key; with `values`, both items are read for what differs between them.
pub(super) async fn example(pair: &Pair, found: Found, values: bool) -> Result<DifferentItem, AwsError> {
    let key = key_text(&found.key, &pair.key);
    let difference = match found.seen {
        Seen::On(Side::Source, _) => ItemDifference::Missing,
        Seen::On(Side::Copy, _) => ItemDifference::Extra,
        Seen::Different if !values => ItemDifference::Changed { attributes: Vec::new() },
        Seen::Different => {
            let source = one(&pair.source, &found.key).await?;
            let copy = one(&pair.copy, &found.key).await?;
            ItemDifference::Changed { attributes: differing(&source, &copy)? }
        }
    };
    Ok(DifferentItem { key, difference })
}

async fn one(reader: &Reader, key: &Item) -> Result<Item, AwsError> {
    Ok(reader.get(vec![key.clone()]).await?.pop().unwrap_or_default())
}

/// `pk = "a", sk = 1`.
fn key_text(key: &Item, names: &[String]) -> String {
    let part = |name: &String| Some(format!("{} = {}", name.escape_debug(), shown(key.get(name))));
    names.iter().filter_map(part).collect::<Vec<_>>().join(", ")
}

/// The attributes in which two items differ, with both values.
fn differing(source: &Item, copy: &Item) -> Result<Vec<String>, AwsError> {
    let mut names: Vec<&String> = source.keys().chain(copy.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let mut found = Vec::new();
    for name in names {
        let (left, right) = (source.get(name), copy.get(name));
        let equal = match (left, right) {
            (Some(left), Some(right)) => same(name, left, right)?,
            _ => false,
        };
        if !equal {
            let name = name.escape_debug();
            found.push(format!("{name}: {} in the source, {} in the copy", shown(left), shown(right)));
        }
    }
    Ok(found)
}

fn shown(value: Option<&AttributeValue>) -> String {
    let Some(value) = value else { return "nothing".to_owned() };
    let text = value_text(value);
    match text.char_indices().nth(VALUE_CHARS) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
