//! What signing with KMS and a history in S3 have to be allowed. Nothing in it deletes or writes over: what is kept there stays.

use lifeboat_model::{KmsKeyArn, Permission};

use crate::history_place::BucketPlace;

/// The key that signs. A policy names keys, and an alias by a condition.
pub fn signs(key: &KmsKeyArn) -> Vec<Permission> {
    let of = |purpose: &str, action: &str| match key.alias() {
        None => Permission::new(purpose, [action], [key.as_str()]),
        Some(alias) => Permission::new(purpose, [action], [key.beside("key/*")]).only_if(
            "ForAnyValue:StringEquals",
            "kms:ResourceAliases",
            [alias],
        ),
    };
    let sign = of("SignEvidence", "kms:Sign")
        .only_if("StringEquals", "kms:SigningAlgorithm", ["ECDSA_SHA_256"])
        .only_if("StringEquals", "kms:MessageType", ["DIGEST"]);
    vec![of("ReadPublicKey", "kms:GetPublicKey"), sign]
}

/// The history's objects, and their list.
pub fn keeps_history(place: &BucketPlace, region: &str) -> Vec<Permission> {
    let partition = lifeboat_drills::partition(region);
    let bucket = format!("arn:{partition}:s3:::{}", place.bucket);
    vec![
        Permission::new("ListHistory", ["s3:ListBucket"], [bucket.clone()]).only_if(
            "StringEquals",
            "s3:prefix",
            [place.prefix.as_str()],
        ),
        Permission::new(
            "AddToHistory",
            ["s3:GetObject", "s3:PutObject"],
            [format!("{bucket}/{}*", place.prefix)],
        ),
    ]
}
