//! How a sandbox and its databases are, to be compared before and after.

use serde_json::{Value, json};

use super::{External, rows};

/// All that a drill could leave behind or change, but for zones, servers' names and processes, which a failover changes
/// for good.
pub fn snapshot(sandbox: &External) -> Result<Value, String> {
    let mut inventory = sandbox.inventory();
    let mut databases = json!({});
    for kind in ["instances", "servers"] {
        for (name, entry) in inventory[kind].as_object_mut().expect("a map") {
            let count = entry["servers"].as_array().expect("servers").len();
            entry["servers"] = json!(count);
            databases[name] = database(sandbox, name)?;
        }
    }
    Ok(json!({ "inventory": inventory, "databases": databases }))
}

fn database(sandbox: &External, name: &str) -> Result<Value, String> {
    let database = sandbox.database(name);
    let ask = |query: &str| rows(&database, query);
    Ok(json!({
        "schemas": ask("SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_(toast_)?temp' ORDER BY 1")?,
        "relations": ask(
            "SELECT oid, relnamespace::regnamespace, relname, relkind FROM pg_class \
             WHERE relnamespace::regnamespace::text !~ '^pg_' AND relnamespace::regnamespace::text <> 'information_schema' \
             ORDER BY 1"
        )?,
        "data": ask("SELECT count(*), sum(hashtext(orders::text)) FROM orders")?,
        "settings": ask("SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2")?,
        "sessions": ask("SELECT application_name FROM pg_stat_activity WHERE application_name LIKE 'lifeboat%'")?,
    }))
}
