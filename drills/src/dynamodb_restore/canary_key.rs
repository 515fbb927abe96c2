//! The keys of the canary items, from a template or from the table's key.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use lifeboat_model::ItemKey;
use lifeboat_targets::dynamodb::TableView;
use serde_json::json;

/// The key of canary item number `n` for each of `count`.
///
/// # Errors
/// What is wrong with the template, and what to write.
pub fn keys(
    table: &TableView,
    template: &BTreeMap<String, String>,
    reserved: &[&str],
    run: &str,
    count: u32,
) -> Result<Vec<ItemKey>, String> {
    let attributes = table.key_attributes();
    if let Some(unknown) = template.keys().find(|name| !attributes.iter().any(|(known, _)| known == name)) {
        let known: Vec<&str> = attributes.iter().map(|(name, _)| *name).collect();
        return Err(format!(
            "canary_key: `{unknown}` is no key attribute of `{}`; its key is {}",
            table.name,
            known.join(", ")
        ));
    }
    if let Some((name, _)) = attributes.iter().find(|(name, _)| reserved.contains(name)) {
        return Err(format!(
            "`{}` has the key attribute `{name}`, which the drill needs for itself; use canary_table = true",
            table.name
        ));
    }
    let mut found = Vec::new();
    for n in 1..=count {
        let mut key = ItemKey::new();
        for (place, (name, kind)) in attributes.iter().enumerate() {
            let pattern = match (template.get(*name), *kind) {
                (Some(pattern), _) => pattern.as_str(),
                (None, "S") if place == 0 => "lifeboat#{run}#{n}",
                (None, "S") => "lifeboat#{n}",
                (None, kind) => {
                    return Err(format!(
                        "canary_key has to give `{name}` of `{}`, which is of type {kind}: a number that no item has, as \
                         in canary_key = {{ {name} = \"99000{{n}}\" }}",
                        table.name
                    ));
                }
            };
            let text = pattern.replace("{run}", run).replace("{n}", &n.to_string());
            key.insert((*name).to_owned(), value(name, kind, &text)?);
        }
        found.push(key);
    }
    let distinct: BTreeSet<String> = found.iter().map(|key| json!(key).to_string()).collect();
    if distinct.len() < found.len() {
        return Err(
            "canary_key gives every canary item the same key; write {n} where their number goes".into()
        );
    }
    Ok(found)
}

fn value(name: &str, kind: &str, text: &str) -> Result<serde_json::Value, String> {
    if text.is_empty() {
        return Err(format!("canary_key: `{name}` is empty, and a key attribute must not be"));
    }
    match kind {
        "N" if text.parse::<f64>().is_ok_and(f64::is_finite) => Ok(json!({ "N": text })),
        "N" => Err(format!("canary_key: `{name}` is a number, and `{text}` is none")),
        "B" => Ok(json!({ "B": BASE64.encode(text) })),
        _ => Ok(json!({ "S": text })),
    }
}

#[cfg(test)]
mod tests {
    use lifeboat_targets::dynamodb::KeyView;
    use rstest::rstest;

    use super::*;

    fn table(partition: &str, sort: Option<&str>) -> TableView {
        let kinds = [("pk", partition)].into_iter().chain(sort.map(|kind| ("sk", kind)));
        TableView {
            name: "orders".into(),
            id: String::new(),
            arn: String::new(),
            status: "ACTIVE".into(),
            created_at: None,
            key: KeyView { partition: "pk".into(), sort: sort.map(|_| "sk".into()) },
            attributes: kinds.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect(),
            billing: String::new(),
            indexes: Vec::new(),
            stream: None,
            protected: false,
            class: None,
            encryption: None,
            restore: None,
        }
    }

    fn of(table: &TableView, template: &[(&str, &str)]) -> Result<Vec<ItemKey>, String> {
        let template = template.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect();
        keys(table, &template, &["lifeboat_run"], "RUN", 3)
    }

    #[test]
    fn texts_need_no_template() {
        let keys = of(&table("S", Some("S")), &[]).expect("keys");
        assert_eq!(keys.len(), 3);
        assert_eq!(json!(keys[1]), json!({ "pk": {"S": "lifeboat#RUN#2"}, "sk": {"S": "lifeboat#2"} }));
    }

    #[test]
    fn numbers_and_bytes_are_made_from_the_template() {
        let keys = of(&table("N", Some("B")), &[("pk", "99{n}"), ("sk", "{run}")]).expect("keys");
        assert_eq!(json!(keys[0]), json!({ "pk": {"N": "991"}, "sk": {"B": "UlVO"} }));
    }

    #[rstest]
    #[case("N", None, &[], "`pk` of `orders`, which is of type N")]
    #[case("S", Some("B"), &[], "`sk` of `orders`, which is of type B")]
    #[case("N", None, &[("pk", "{run}")], "`RUN` is none")]
    #[case("S", None, &[("pk", "{run}")], "write {n}")]
    #[case("S", None, &[("pk", "")], "is empty")]
    #[case("S", None, &[("id", "{n}")], "`id` is no key attribute of `orders`; its key is pk")]
    fn what_cannot_be_a_key_is_refused(
        #[case] partition: &str,
        #[case] sort: Option<&str>,
        #[case] template: &[(&str, &str)],
        #[case] why: &str,
    ) {
        let error = of(&table(partition, sort), template).expect_err("refused");
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn a_key_attribute_of_the_drills_own_name_is_refused() {
        let mut table = table("S", None);
        table.key.partition = "lifeboat_run".into();
        assert!(of(&table, &[]).expect_err("refused").contains("canary_table"));
    }
}
