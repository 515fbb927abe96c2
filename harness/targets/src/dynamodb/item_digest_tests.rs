//! Equal items have one digest, any other has another.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use proptest::prelude::*;

use super::item_digest::{Digester, Item, same};

/// A value as DynamoDB has it: sets without order and without doubles, numbers as what they are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Model {
    S(String),
    N(Decimal),
    B(Vec<u8>),
    Bool(bool),
    Null,
    M(BTreeMap<String, Model>),
    L(Vec<Model>),
    Ss(std::collections::BTreeSet<String>),
    Ns(std::collections::BTreeSet<Decimal>),
    Bs(std::collections::BTreeSet<Vec<u8>>),
}

/// A number by its digits, none of the last ones zero, and a power of ten; zero has no digits and no sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Decimal {
    negative: bool,
    digits: Vec<u8>,
    exponent: i32,
}

fn decimals() -> impl Strategy<Value = Decimal> {
    let digits = prop_oneof![
        4 => proptest::collection::vec(0..10_u8, 1..4),
        1 => proptest::collection::vec(0..10_u8, 38),
    ];
    let exponents = prop_oneof![4 => -3..4_i32, 1 => -130..88_i32];
    (any::<bool>(), digits, exponents).prop_map(|(negative, mut digits, mut exponent)| {
        while digits.last() == Some(&0) {
            digits.pop();
            exponent += 1;
        }
        while digits.first() == Some(&0) {
            digits.remove(0);
        }
        if digits.is_empty() {
            return Decimal { negative: false, digits, exponent: 0 };
        }
        Decimal { negative, digits, exponent }
    })
}

/// How a value is spelled: which of the ways, by bits that are used up one by one.
struct Spelling(u64);

impl Spelling {
    fn choose(&mut self, ways: u64) -> u64 {
        let chosen = self.0 % ways;
        // Any walk over all numbers does; this one is Knuth's.
        self.0 =
            (self.0 / ways).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        chosen
    }

    fn number(&mut self, number: &Decimal) -> String {
        let sign = match (number.negative, self.choose(3)) {
            (true, _) => "-",
            (false, 0) => "+",
            (false, 1) if number.digits.is_empty() => "-",
            (false, _) => "",
        };
        let zeros = |count: u64| "0".repeat(usize::try_from(count).expect("a few"));
        let leading = zeros(self.choose(3));
        let trailing = self.choose(3);
        let digits: String = number.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let digits = format!("{leading}{digits}{}", zeros(trailing));
        let digits = if digits.is_empty() { "0".to_owned() } else { digits };
        let exponent = i64::from(number.exponent) - i64::try_from(trailing).expect("a few");
        let point =
            usize::try_from(self.choose(u64::try_from(digits.len()).expect("length") + 1)).expect("length");
        let (whole, fraction) = digits.split_at(point);
        let exponent = exponent + i64::try_from(fraction.len()).expect("length");
        let dot = if fraction.is_empty() && self.choose(2) == 0 { "" } else { "." };
        match exponent {
            0 if self.choose(2) == 0 => format!("{sign}{whole}{dot}{fraction}"),
            _ if self.choose(2) == 0 => format!("{sign}{whole}{dot}{fraction}e{exponent}"),
            _ => format!("{sign}{whole}{dot}{fraction}E{exponent:+}"),
        }
    }

    fn order<T>(&mut self, members: impl IntoIterator<Item = T>) -> Vec<T> {
        let mut members: Vec<T> = members.into_iter().collect();
        for at in (1..members.len()).rev() {
            let other = self.choose(u64::try_from(at).expect("length") + 1);
            members.swap(at, usize::try_from(other).expect("length"));
        }
        members
    }

    fn value(&mut self, value: &Model) -> AttributeValue {
        match value {
            Model::S(text) => AttributeValue::S(text.clone()),
            Model::N(number) => AttributeValue::N(self.number(number)),
            Model::B(bytes) => AttributeValue::B(Blob::new(bytes.clone())),
            Model::Bool(value) => AttributeValue::Bool(*value),
            Model::Null => AttributeValue::Null(true),
            Model::M(map) => AttributeValue::M(self.item(map)),
            Model::L(list) => AttributeValue::L(list.iter().map(|member| self.value(member)).collect()),
            Model::Ss(set) => AttributeValue::Ss(self.order(set.iter().cloned())),
            Model::Ns(set) => {
                let spelled: Vec<String> = set.iter().map(|number| self.number(number)).collect();
                AttributeValue::Ns(self.order(spelled))
            }
            Model::Bs(set) => AttributeValue::Bs(self.order(set.iter().cloned().map(Blob::new))),
        }
    }

    fn item(&mut self, item: &BTreeMap<String, Model>) -> Item {
        // A map of its own has an order of its own.
        item.iter().map(|(name, value)| (name.clone(), self.value(value))).collect()
    }
}

fn values() -> impl Strategy<Value = Model> {
    let texts = || "[ab1é\\x00]{0,3}";
    let bytes = || proptest::collection::vec(0..3_u8, 0..4);
    let leaves = prop_oneof![
        texts().prop_map(Model::S),
        decimals().prop_map(Model::N),
        bytes().prop_map(Model::B),
        any::<bool>().prop_map(Model::Bool),
        Just(Model::Null),
        proptest::collection::btree_set(texts(), 1..4).prop_map(Model::Ss),
        proptest::collection::btree_set(decimals(), 1..4).prop_map(Model::Ns),
        proptest::collection::btree_set(bytes(), 1..4).prop_map(Model::Bs),
    ];
    leaves.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Model::L),
            proptest::collection::btree_map("[ab]{0,2}", inner, 0..3).prop_map(Model::M),
        ]
    })
}

fn items() -> impl Strategy<Value = BTreeMap<String, Model>> {
    let rest = proptest::collection::btree_map("[abc]{1,2}", values(), 0..4);
    (decimals(), rest).prop_map(|(key, mut item)| {
        item.insert("pk".to_owned(), Model::N(key));
        item
    })
}

/// Of one comparison.
static DIGESTER: LazyLock<Digester> = LazyLock::new(digester);

fn digester() -> Digester {
    Digester::new(&["pk".to_owned()])
}

fn digest(item: &Item) -> (u128, u128) {
    let digested = DIGESTER.clone().of(item).expect("digest");
    (digested.key, digested.item)
}

fn item(members: &[(&str, AttributeValue)]) -> Item {
    let key = ("pk".to_owned(), AttributeValue::S("k".to_owned()));
    members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).chain([key]).collect()
}

proptest! {
    #[test]
    fn an_item_has_one_digest_however_it_is_spelled(item in items(), one: u64, other: u64) {
        let left = Spelling(one).item(&item);
        let right = Spelling(other).item(&item);
        prop_assert_eq!(digest(&left), digest(&right), "{:?} and {:?}", left, right);
    }

    #[test]
    fn two_items_agree_only_where_they_are_equal(left in items(), right in items(), spelling: u64) {
        let (one, other) = (Spelling(spelling).item(&left), Spelling(spelling).item(&right));
        prop_assert_eq!(digest(&one).1 == digest(&other).1, left == right, "{:?} and {:?}", one, other);
        prop_assert_eq!(digest(&one).0 == digest(&other).0, left["pk"] == right["pk"]);
    }

    #[test]
    fn a_change_of_one_value_is_noticed(item in items(), at: prop::sample::Index, value in values(), spelling: u64) {
        let mut changed = item.clone();
        let name = at.get(&item.keys().cloned().collect::<Vec<_>>()).clone();
        let before = changed.insert(name, value.clone());
        let spelled = (Spelling(spelling).item(&item), Spelling(spelling).item(&changed));
        prop_assert_eq!(digest(&spelled.0).1 == digest(&spelled.1).1, before == Some(value));
    }

    #[test]
    fn numbers_are_equal_as_decimals_are(left in decimals(), right in decimals(), one: u64, other: u64) {
        let value = |number: &Decimal, spelling| AttributeValue::N(Spelling(spelling).number(number));
        prop_assert!(same("n", &value(&left, one), &value(&left, other)).expect("same"));
        prop_assert_eq!(same("n", &value(&left, one), &value(&right, other)).expect("same"), left == right);
    }
}

#[test]
fn what_looks_alike_is_told_apart() {
    let s = |text: &str| AttributeValue::S(text.to_owned());
    let n = |text: &str| AttributeValue::N(text.to_owned());
    let all = [
        vec![],
        vec![("a", s(""))],
        vec![("a", s("1"))],
        vec![("a", n("1"))],
        vec![("b", n("1"))],
        vec![("a", n("1.00000000000000000000000000000000000001"))],
        vec![("a", AttributeValue::B(Blob::new("1")))],
        vec![("a", AttributeValue::Bool(true))],
        vec![("a", AttributeValue::Bool(false))],
        vec![("a", AttributeValue::Null(true))],
        vec![("a", AttributeValue::L(vec![]))],
        vec![("a", AttributeValue::M(Item::new()))],
        vec![("a", AttributeValue::L(vec![s("1")]))],
        vec![("a", AttributeValue::L(vec![s("1"), s("2")]))],
        vec![("a", AttributeValue::L(vec![s("2"), s("1")]))],
        vec![("a", AttributeValue::L(vec![s("12")]))],
        vec![("a", AttributeValue::Ss(vec!["1".into()]))],
        vec![("a", AttributeValue::Ss(vec!["1".into(), "2".into()]))],
        vec![("a", AttributeValue::Ss(vec!["12".into()]))],
        vec![("a", AttributeValue::Ns(vec!["1".into()]))],
        vec![("a", AttributeValue::Bs(vec![Blob::new("1")]))],
        vec![("a", s("1")), ("b", s("2"))],
        vec![("a", s("2")), ("b", s("1"))],
        vec![("a", AttributeValue::M(item(&[("b", s("2"))])))],
        vec![("a", AttributeValue::M(item(&[]))), ("b", s("2"))],
        // Composed and decomposed: other bytes, another value.
        vec![("a", s("\u{e9}"))],
        vec![("a", s("e\u{301}"))],
    ];
    let digests: Vec<_> = all.iter().map(|members| digest(&item(members)).1).collect();
    for (at, digest) in digests.iter().enumerate() {
        for other in at + 1..digests.len() {
            assert_ne!(*digest, digests[other], "{:?} and {:?}", all[at], all[other]);
        }
    }
}

#[test]
fn a_value_swapped_between_two_items_changes_their_sum() {
    let of = |key: &str, value: &str| {
        let member = |text: &str| AttributeValue::S(text.to_owned());
        digest(&Item::from([("pk".to_owned(), member(key)), ("v".to_owned(), member(value))])).1
    };
    let before = of("a", "1").wrapping_add(of("b", "2"));
    let after = of("a", "2").wrapping_add(of("b", "1"));
    assert_ne!(before, after);
    assert_eq!(before, of("b", "2").wrapping_add(of("a", "1")), "the order of reading does not count");
}

#[test]
fn the_digests_of_one_comparison_are_not_those_of_another() {
    let mut one = digester();
    let (mut share, mut other) = (one.clone(), digester());
    // The hash takes another way for each of these lengths.
    for length in [0, 10, 100, 200, 1_000] {
        let text = || AttributeValue::S("x".repeat(length));
        let item = Item::from([("pk".to_owned(), text()), ("v".to_owned(), text())]);
        let [one, share, other] = [&mut one, &mut share, &mut other].map(|it| it.of(&item).expect("digest"));
        assert_eq!(one, share, "{length}");
        assert!(one.key != other.key && one.item != other.item, "{length}");
    }
}

#[test]
fn an_item_without_its_key_is_an_error() {
    let error = Digester::new(&["pk".to_owned(), "sk".to_owned()]).of(&item(&[])).expect_err("no sk");
    assert!(error.to_string().contains("\"sk\""), "{error}");
}
