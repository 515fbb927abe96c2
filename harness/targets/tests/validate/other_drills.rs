//! What other drills have in a database: a backup that was taken during one of them has its schema as well.

use lifeboat_targets::postgres::OwnSchema;
use lifeboat_targets::postgres::validate::DataOutcome;

use crate::support::{Pair, says};

const DATA: &str = "CREATE TABLE public.orders (id int PRIMARY KEY); INSERT INTO public.orders VALUES (1)";

#[tokio::test]
async fn the_schema_of_another_drill_is_left_out_and_said_on_either_side() {
    let pair = Pair::start().await;
    pair.both(DATA).await;
    for (server, drill) in [(&pair.copy, "orders-pitr"), (&pair.source, "🚀")] {
        let schema = OwnSchema::new("20261122-153840-92c02f", drill);
        schema.create(server, "test", "canary", "id int PRIMARY KEY, text text").await.unwrap();
        let found = pair.validate("{}").await;
        assert_eq!(found.outcome(), DataOutcome::Same, "{:#?}", found.findings);
        let said = format!("schema {} was not compared", schema.name());
        let times = found.not_compared.iter().filter(|line| line.contains(&said)).count();
        assert_eq!(times, 1, "{:?}", found.not_compared);
    }
    pair.stop().await;
}

/// A name alone proves nothing.
#[tokio::test]
async fn a_schema_of_such_a_name_without_the_comment_is_compared() {
    let pair = Pair::start().await;
    pair.both(DATA).await;
    let schema = OwnSchema::new("20261122-153840-92c02f", "orders-pitr");
    schema.create(&pair.copy, "test", "canary", "id int").await.unwrap();
    let name = schema.name();
    pair.right(&format!("COMMENT ON SCHEMA {name} IS 'safe to drop'")).await;
    let found = pair.validate("{}").await;
    assert_eq!(found.outcome(), DataOutcome::Different, "{:#?}", found.findings);
    says(&found, DataOutcome::Different, &[&format!("table {name}.canary"), "not in the source"]);
    pair.stop().await;
}
