//! Physical copies: superusers see large objects, and damage to an index's file is found by amcheck.

use std::io::{Read, Seek, SeekFrom, Write};
use std::time::Duration;

use lifeboat_model::Secret;
use lifeboat_targets::postgres::validate::{
    DataOutcome, Expectations, Since, Subject, Validation, WriteMarks, validate, write_marks,
};
use time::OffsetDateTime;

use crate::own_server::OwnServer;
use crate::support::lines;

async fn validated(source: &OwnServer, copy: &OwnServer) -> Validation {
    let marks = write_marks(&source.connect().await).await.unwrap();
    validated_as("postgres", source, copy, marks).await
}

async fn validated_as(role: &str, source: &OwnServer, copy: &OwnServer, marks: WriteMarks) -> Validation {
    let as_role = |server: &OwnServer| server.server().with_role(role, Secret::new(String::new()));
    let (source, copy) = (as_role(source), as_role(copy));
    let subject = Subject {
        source: Some(&source),
        copy: &copy,
        expectations: &Expectations::default(),
        since: &Since { at: OffsetDateTime::now_utc(), marks: Some(marks) },
        ignore_schemas: &[],
        application_name: "validation",
        workers: 2,
        limit: Duration::from_secs(60),
    };
    validate(&subject).await.unwrap()
}

#[tokio::test]
async fn a_damaged_index_and_a_changed_large_object_are_found_on_a_physical_copy() {
    let source = OwnServer::create("max_connections = 20").await;
    let session = source.connect().await;
    session
        .client()
        .batch_execute(
            "CREATE ROLE plain LOGIN IN ROLE pg_read_all_data; CREATE EXTENSION amcheck SCHEMA public; CREATE TABLE public.t (id int PRIMARY KEY, v text); \
             INSERT INTO public.t SELECT n, 'v' || n FROM generate_series(1, 5000) n; \
             CREATE INDEX t_v ON public.t (v); SELECT lo_from_bytea(4711, 'large')",
        )
        .await
        .unwrap();
    session.close().await;
    let mut copy = source.copy().await;
    let found = validated(&source, &copy).await;
    assert_eq!(found.outcome(), DataOutcome::Same, "{:#?}", found.findings);
    assert!(lines(&found, DataOutcome::Same).join("\n").contains("amcheck found no fault in 2"));
    // Another role reads the tables, and what it may not do is said.
    let marks = write_marks(&source.connect().await).await.unwrap();
    let plain = validated_as("plain", &source, &copy, marks).await;
    assert_eq!(plain.outcome(), DataOutcome::Same, "{:#?}", plain.findings);
    let unmeasured = "the structure of the indexes was not measured";
    assert!(plain.not_compared.iter().any(|line| line.contains(unmeasured)), "{:?}", plain.not_compared);
    assert!(found.tables.iter().any(|table| table.name.ends_with("pg_largeobject")), "{:?}", found.tables);

    let session = copy.connect().await;
    session.client().batch_execute("SELECT lo_put(4711, 0, 'LARGE')").await.unwrap();
    session.close().await;
    // Two keys of a leaf page trade places in the array of item pointers, which begins after the page's header.
    let file = copy.file_of("public.t_pkey").await;
    copy.stop();
    let mut opened = std::fs::OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut pointers = [0; 16];
    let place = SeekFrom::Start(8192 + 24 + 40);
    opened.seek(place).unwrap();
    opened.read_exact(&mut pointers).unwrap();
    pointers.rotate_left(8);
    opened.seek(place).unwrap();
    opened.write_all(&pointers).unwrap();
    drop(opened);
    copy.start().await;

    let found = validated(&source, &copy).await;
    let different = lines(&found, DataOutcome::Different).join("\n");
    assert!(different.contains("index public.t_pkey is corrupt, amcheck says: "), "{:#?}", found.findings);
    assert!(
        different.contains("large objects differs: ")
            && different.contains("loid=4711, pageno=0 changed in data"),
        "{different}"
    );
    assert!(!different.contains("index public.t_v"), "{different}");
}
