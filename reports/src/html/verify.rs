//! The commands with which a reader checks the digests.

use lifeboat_model::FileDigest;

/// What `sha256sum` is given; absent where nothing can be checked. Only plain names and digests get into a command that
/// somebody will copy into a shell.
pub fn command(files: &[FileDigest]) -> Option<String> {
    let plain = |text: &str| {
        !text.is_empty()
            && !text.starts_with(['-', '.'])
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let hex = |text: &str| text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit());
    let lines = files.iter().filter(|file| plain(&file.name) && hex(&file.sha256));
    let lines: String = lines.map(|file| format!("{}  {}\n", file.sha256, file.name)).collect();
    (!lines.is_empty()).then(|| format!("sha256sum --check <<'END'\n{lines}END"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_names_and_digests_gets_into_the_command() {
        let file =
            |name: &str, sha256: &str| FileDigest { name: name.into(), sha256: sha256.into(), bytes: 1 };
        let digest = "a".repeat(64);
        let good = file("plan.json", &digest);
        assert_eq!(
            command(std::slice::from_ref(&good)).as_deref(),
            Some(format!("sha256sum --check <<'END'\n{digest}  plan.json\nEND").as_str())
        );
        let bad = ["x\nEND\nrm -rf ~", "$(id)", "../up", "-c", "a b", ""].map(|name| file(name, &digest));
        assert_eq!(command(&bad), None);
        assert_eq!(command(&[file("plan.json", "END\nid")]), None);
    }
}
