//! What happens to an answer on its way.

/// An answer as it goes over the wire.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub content_type: String,
    pub date: String,
    pub body: Vec<u8>,
    /// What is said of the length, where it is not the truth.
    pub length: Option<String>,
}

/// What the damage draws from: splitmix64, so that a case is the same everywhere.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end.max(1) as u64) as usize
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const HTML: &str =
    "<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center><br></body></html>";

/// What stands in the place of a value: other types, numbers beyond bounds, dates that are none, statuses that nobody knows.
const VALUES: [&str; 18] = [
    "",
    "null",
    "true",
    "-1",
    "99999999999999999999999999",
    "1e400",
    "-9223372036854775808",
    "NaN",
    "Infinity",
    "9999-99-99T99:99:99Z",
    "0000-00-00T00:00:00Z",
    "999999999-01-01T00:00:00Z",
    "2026-02-30T25:61:61.999999999999Z",
    "evaporating",
    "\u{0}\u{1b}[2J",
    "🚀\u{202e}",
    "&amp;&lt;",
    "arn:aws:rds:::",
];

/// The same for JSON, where a value has a type.
const JSON_VALUES: [&str; 14] = [
    "null",
    "true",
    "-1",
    "1e400",
    "99999999999999999999999999",
    "-1e308",
    "\"\"",
    "\"evaporating\"",
    "[]",
    "{}",
    "[[[]]]",
    "{\"S\":{\"S\":1}}",
    "\"9999-99-99T99:99:99Z\"",
    "0.1",
];

/// Damages an answer; what was done to it.
pub fn damage(answer: &mut Answer, seed: u64) -> &'static str {
    let mut draw = Draw(seed);
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    let json = !text.trim_start().starts_with('<');
    let kind = draw.below(14);
    match kind {
        0 => {
            answer.length = Some(answer.body.len().to_string());
            answer.body.truncate(draw.below(text.len()));
            "cut off"
        }
        1 => {
            answer.body.truncate(draw.below(text.len()));
            "cut off, with its length"
        }
        2 | 3 => {
            answer.body =
                if json { without_key(&text, &mut draw) } else { without_element(&text, &mut draw) };
            "a part missing"
        }
        4..=6 => {
            answer.body = if json { json_value(&text, &mut draw) } else { xml_value(&text, &mut draw) };
            "another value"
        }
        7 => {
            answer.content_type =
                draw.of(&["text/html", "", "application/octet-stream", "application/x-amz-json-9.9"]).into();
            "another content type"
        }
        8 => {
            answer.body.clear();
            "empty"
        }
        9 => {
            answer.status = draw.of(&[500, 502, 503, 504, 400, 403, 404, 429, 200, 204, 302, 599]);
            answer.content_type = "text/html".into();
            answer.body = HTML.into();
            "a page of HTML"
        }
        10 => {
            answer.status = draw.of(&[400, 500]);
            let json_errors = ["{\"__type\":7}", "{}", "[]", "{\"__type\":\"\",\"message\":{}}", "7"];
            let errors = [
                "<ErrorResponse/>",
                "<ErrorResponse><Error><Code/></Error></ErrorResponse>",
                "<a",
                "<a></b>",
            ];
            answer.body = (if json { draw.of(&json_errors) } else { draw.of(&errors) }).into();
            "an error that says nothing"
        }
        11 => {
            let marker = "<Marker>again</Marker>";
            answer.body = if json {
                let more = "\"LastEvaluatedTableName\":\"again\",\"LastEvaluatedBackupArn\":\"again\",\"NextToken\":\"again\"";
                text.replacen('{', &format!("{{{more},"), 1).replace(",}", "}").into()
            } else {
                match text.find("Result>") {
                    Some(at) => [&text[..at + 7], marker, &text[at + 7..]].concat().into(),
                    None => text.into(),
                }
            };
            "pages without end"
        }
        12 => {
            let depth = draw.of(&[100, 2_000]);
            answer.body = if json {
                let nested = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
                text.replacen('{', &format!("{{\"More\":{nested},"), 1).replace(",}", "}").into()
            } else {
                let nested = format!("{}{}", "<m>".repeat(depth), "</m>".repeat(depth));
                match text.find("Result>") {
                    Some(at) => [&text[..at + 7], &nested, &text[at + 7..]].concat().into(),
                    None => nested.into(),
                }
            };
            "deep nesting"
        }
        _ => {
            answer.date = draw
                .of(&["yesterday", "", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"])
                .into();
            answer.length = draw
                .of(&[None, Some("18446744073709551615"), Some("-1"), Some("1000000000")])
                .map(str::to_owned);
            "headers that are wrong"
        }
    }
}

/// The places of `<Name>value</Name>`: of the value, and of the whole.
fn elements(text: &str) -> Vec<(std::ops::Range<usize>, std::ops::Range<usize>)> {
    let mut found = Vec::new();
    for (begin, _) in text.match_indices('<') {
        let Some(open) = text[begin..].find('>').map(|at| begin + at) else { continue };
        let name = &text[begin + 1..open];
        let closing = format!("</{name}>");
        if let Some(close) = text[open..].find(&closing).map(|at| open + at) {
            found.push((open + 1..close, begin..close + closing.len()));
        }
    }
    found
}

fn without_element(text: &str, draw: &mut Draw) -> Vec<u8> {
    let all = elements(text);
    if all.is_empty() {
        return Vec::new();
    }
    let whole = all[draw.below(all.len())].1.clone();
    [&text[..whole.start], &text[whole.end..]].concat().into()
}

fn xml_value(text: &str, draw: &mut Draw) -> Vec<u8> {
    let leaves: Vec<_> =
        elements(text).into_iter().filter(|(value, _)| !text[value.clone()].contains('<')).collect();
    if leaves.is_empty() {
        return draw.of(&VALUES).into();
    }
    let value = leaves[draw.below(leaves.len())].0.clone();
    [&text[..value.start], draw.of(&VALUES), &text[value.end..]].concat().into()
}

/// Replaces the value of a random key, or takes the key away where there is no new value.
fn at_a_key(text: &str, draw: &mut Draw, new: Option<&str>) -> Vec<u8> {
    let Ok(mut whole) = serde_json::from_str::<serde_json::Value>(text) else { return Vec::new() };
    let mut paths = Vec::new();
    keys(&whole, "", &mut paths);
    if paths.is_empty() {
        return new.unwrap_or_default().into();
    }
    let (parent, key) = paths[draw.below(paths.len())].clone();
    let Some(object) = whole.pointer_mut(&parent).and_then(serde_json::Value::as_object_mut) else {
        return Vec::new();
    };
    match new {
        None => {
            object.remove(&key);
            whole.to_string().into()
        }
        // As text: what is put in need not be what a JSON value can hold.
        Some(new) => {
            object.insert(key, "@HERE@".into());
            whole.to_string().replace("\"@HERE@\"", new).into()
        }
    }
}

fn keys(value: &serde_json::Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        serde_json::Value::Object(object) => {
            for (key, value) in object {
                found.push((path.to_owned(), key.clone()));
                keys(value, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        serde_json::Value::Array(items) => {
            for (number, item) in items.iter().enumerate() {
                keys(item, &format!("{path}/{number}"), found);
            }
        }
        _ => {}
    }
}

fn without_key(text: &str, draw: &mut Draw) -> Vec<u8> {
    at_a_key(text, draw, None)
}

fn json_value(text: &str, draw: &mut Draw) -> Vec<u8> {
    let new = draw.of(&JSON_VALUES);
    at_a_key(text, draw, Some(new))
}
