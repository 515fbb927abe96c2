//! `VERIFY.md`: how somebody without this tool verifies a signed run.

use super::key::PublicKey;

/// The file of the signed statement about a run, in its folder.
pub const BUNDLE: &str = "record.sigstore.json";

/// The text, for a run that this key signed.
pub fn verify_md(key: &PublicKey) -> String {
    let hint = key.hint();
    format!(
        r#"# How to verify this run

Needed: `openssl`, `jq`, `base64`, `sha256sum`, and the signer's public key as `lifeboat.pub`. Get the key from whoever
answers for it and not from this folder: who could change the record could change a key beside it, and this text. Whoever
answers for the key can say what this prints of it; here it was `{hint}`:

```sh
openssl pkey -pubin -in lifeboat.pub -outform DER | openssl dgst -sha256 -binary | base64
```

In this folder, in this order; each has to end without an error:

```sh
jq -rj .dsseEnvelope.payload {BUNDLE} | base64 -d > statement.json
type=$(jq -rj .dsseEnvelope.payloadType {BUNDLE})
printf 'DSSEv1 %d %s %d ' "${{#type}}" "$type" "$(wc -c < statement.json)" | cat - statement.json > signed.bin
jq -rj '.dsseEnvelope.signatures[0].sig' {BUNDLE} | base64 -d > signature.der
openssl dgst -sha256 -verify lifeboat.pub -signature signature.der signed.bin
jq -e '.predicate.lifeboat.of == "run" and ([.subject[].name] == ["record.json", "plan.json", "journal.jsonl", "ledger.jsonl"])' statement.json
jq -r '.subject[] | "\(.digest.sha256)  \(.name)"' statement.json | sha256sum --check --strict
```

The fifth prints `Verified OK`: the statement is as it was signed. The sixth prints `true`: it is about the run and all four
files. The seventh prints `OK` for each of them. Then read `statement.json`: `.predicate.result`, and in `.predicate.lifeboat` whether the run was
`simulated`; one that was is no evidence about a real system. `.predicate.lifeboat.previous` is the SHA-256 of the statement
of the signed run before this one (`sha256sum statement.json` there).

Where `lifeboat undo` was run later and signed, each undo has a statement of its own, `undo-1.sigstore.json` and so on without
a gap: the first five commands verify it with that name in place of `{BUNDLE}`. Its `.predicate.lifeboat.of` has to be
`undo`. `undo.jsonl` may have grown since: `.subject[0].annotations.bytes` is how long it was, and `head -c BYTES undo.jsonl |
sha256sum` has to give its digest.

What this does not prove: when it was signed, and who had the key. Keep the bundle where nothing can be changed (S3 Object
Lock), or have it time-stamped, if that matters.
"#
    )
}
