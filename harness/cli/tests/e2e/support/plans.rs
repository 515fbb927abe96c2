//! Seeds and plans for an external sandbox, with the waits of the drills made short. The objectives are for a busy machine:
//! what is about them sets its own.

/// One Multi-AZ instance `orders` with data of its own, released for drills.
pub const ORDERS_SEED: &str = r#"
[[instances]]
identifier = "orders"
multi_az = true
max_connections = 60
master_user = "drill"
database = "app"
tags = { "lifeboat:drill" = "allowed" }
sql = ["CREATE TABLE orders (id bigint PRIMARY KEY, text text); INSERT INTO orders SELECT n, 'order ' || n FROM generate_series(1, 1000) AS n;"]
"#;

/// One instance `orders` with automated backups and data of its own, released for drills.
pub const BACKED_UP_SEED: &str = r#"
[[instances]]
identifier = "orders"
backup_retention = 7
max_connections = 60
master_user = "drill"
database = "app"
tags = { "lifeboat:drill" = "allowed", "team" = "shop" }
sql = ["CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL); CREATE INDEX orders_text ON orders (text); INSERT INTO orders (text) SELECT 'order ' || n FROM generate_series(1, 1000) AS n; CREATE TABLE customers (id bigint PRIMARY KEY, name text); INSERT INTO customers SELECT n, 'customer ' || n FROM generate_series(1, 200) AS n; CREATE TABLE visits (who text); INSERT INTO visits SELECT 'customer ' || n % 10 FROM generate_series(1, 50) AS n;"]
"#;

/// One server `plain` without a control plane, with data of its own.
pub const PLAIN_SEED: &str = r#"
[[servers]]
name = "plain"
database = "app"
user = "drill"
max_connections = 30
sql = ["CREATE TABLE orders (id bigint PRIMARY KEY, text text); INSERT INTO orders SELECT n, 'order ' || n FROM generate_series(1, 1000) AS n;"]
"#;

const ENVIRONMENT: &str = r#"
[environment]
name = "test"
provider = "sandbox"
endpoint = "${AWS_ENDPOINT_URL}"
"#;

const ORDERS: &str = r#"
[targets.orders]
kind = "rds-instance"
identifier = "orders"
database = "app"
user = "drill"
password = "${LIFEBOAT_SANDBOX_PASSWORD}"
"#;

/// A plan with the drill `failover` on the instance `orders`; `options` are further lines of the drill.
pub fn failover_plan(options: &str) -> String {
    format!(
        r#"{ENVIRONMENT}{ORDERS}
[[drills]]
name = "failover"
scenario = "rds-failover"
target = "orders"
rto = "60s"
rpo = "0s"
{options}
"#
    )
}

/// A plan with the drill `exhaustion` on the server `plain`; `options` are further lines of the drill.
pub fn exhaustion_plan(options: &str) -> String {
    format!(
        r#"{ENVIRONMENT}
[targets.plain]
kind = "postgres"
host = "${{LIFEBOAT_SANDBOX_PLAIN_HOST}}"
port = "${{LIFEBOAT_SANDBOX_PLAIN_PORT}}"
database = "app"
user = "drill"
password = "${{LIFEBOAT_SANDBOX_PASSWORD}}"

[[drills]]
name = "exhaustion"
scenario = "connection-exhaustion"
target = "plain"
rto = "60s"
{options}
"#
    )
}

/// A plan with the drill `restore` of a scenario on the instance `orders`; `options` are further lines of the drill.
pub fn restore_plan(scenario: &str, options: &str) -> String {
    format!(
        r#"{ENVIRONMENT}{ORDERS}
[[drills]]
name = "restore"
scenario = "{scenario}"
target = "orders"
rto = "120s"
{options}
"#
    )
}

/// Makes the role `app`, which may do what a drill needs.
const ROLE: &str = "CREATE ROLE app LOGIN; GRANT pg_monitor TO app; GRANT CREATE ON DATABASE app TO app; \
                    ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO app; \
                    ALTER DEFAULT PRIVILEGES GRANT SELECT ON SEQUENCES TO app; ";

/// The secret of [`kept_seed`] and [`kept`].
pub const SECRET: &str = "prod/orders";

/// A seed whose instance or server of that name has a role `app`, whose password is in a secret and nowhere else.
pub fn kept_seed(seed: &str, server: &str) -> String {
    let seed = seed.replacen("sql = [\"", &format!("sql = [\"{ROLE}"), 1);
    format!("{seed}\n[[secrets]]\nname = \"{SECRET}\"\nserver = \"{server}\"\nuser = \"app\"\n")
}

/// A plan that connects as that role.
pub fn kept(plan: &str) -> String {
    let given = "user = \"drill\"\npassword = \"${LIFEBOAT_SANDBOX_PASSWORD}\"";
    assert!(plan.contains(given), "{plan}");
    plan.replacen(given, &format!("user = \"app\"\npassword_secret = \"{SECRET}\""), 1)
}

/// A seed whose instance `orders` takes tokens, and has a role `app` that has them and no password.
pub fn token_seed(seed: &str) -> String {
    let seed = seed.replacen("sql = [\"", &format!("sql = [\"{ROLE}GRANT rds_iam TO app; "), 1);
    seed.replacen("[[instances]]", "[[instances]]\niam_authentication = true", 1)
}

/// A plan that connects as that role.
pub fn with_tokens(plan: &str) -> String {
    let given = "user = \"drill\"\npassword = \"${LIFEBOAT_SANDBOX_PASSWORD}\"";
    assert!(plan.contains(given), "{plan}");
    plan.replacen(given, "user = \"app\"\nauth = \"iam\"", 1)
}
