//! The sections of a plan file, as people write them. Unknown keys are refused.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use toml::Table;

use crate::plan_secrets_schema::{of_instance, of_server};
use crate::{
    AssumeRole, ControlId, DurationText, KeptPassword, Password, Secret, ServerTls, Tls, TokenPassword,
};

/// Where the control plane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Amazon Web Services, or an endpoint that stands in for it.
    Aws,
    /// LocalStack.
    Localstack,
    /// Lifeboat's own sandbox.
    Sandbox,
}

impl Provider {
    /// The provider of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Aws, Self::Localstack, Self::Sandbox].into_iter().find(|provider| provider.name() == name)
    }

    /// The provider's name as plans write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Localstack => "localstack",
            Self::Sandbox => "sandbox",
        }
    }
}

/// `[environment]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
// As `is_aws_itself`, and what a plan for it has to say.
#[schemars(extend(
    "if" = {
        "properties": { "provider": { "const": "aws" }, "allow_loopback": { "const": false } },
        "not": { "required": ["endpoint"] },
    },
    "then" = { "required": ["region", "account"] },
))]
pub struct Environment {
    /// A name for reports.
    pub name: String,
    /// Where the control plane is.
    pub provider: Provider,
    /// The AWS region.
    #[serde(default = "default_region")]
    pub region: String,
    /// The AWS account, twelve digits; the caller's must be the same.
    pub account: Option<String>,
    /// Another address of the control plane.
    pub endpoint: Option<String>,
    /// That the endpoint of `provider = "aws"` is on this machine: one that stands in for AWS, or a tunnel's end.
    #[serde(default)]
    pub allow_loopback: bool,
    /// Whether people depend on it.
    #[serde(default)]
    pub production: bool,
    /// For the sandbox that a run starts itself: what is in it, as a path relative to the plan.
    pub seed: Option<String>,
    /// For the LocalStack that a run starts itself.
    pub localstack: Option<LocalstackImage>,
    /// The profile of the AWS tools whose credentials count, in place of the usual chain.
    pub profile: Option<String>,
    /// The role to take on with those credentials.
    pub assume_role: Option<AssumeRole>,
}

impl Environment {
    /// One of which nothing else is said.
    pub fn new(name: &str, provider: Provider, region: &str) -> Self {
        Self {
            name: name.into(),
            provider,
            region: region.into(),
            account: None,
            endpoint: None,
            allow_loopback: false,
            production: false,
            seed: None,
            localstack: None,
            profile: None,
            assume_role: None,
        }
    }

    /// Whether region and account are said, or left to a variable that has no value yet.
    pub(crate) fn names_its_place(&self) -> bool {
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        !self.region.is_empty()
            && self.account.as_deref().is_some_and(|text| text.contains("${") || is_account(text))
    }

    /// Whether AWS itself is meant, and nothing that answers in its place.
    pub fn is_aws_itself(&self) -> bool {
        self.provider == Provider::Aws && self.endpoint.is_none() && !self.allow_loopback
    }
}

/// Which LocalStack to start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LocalstackImage {
    /// The image without its tag.
    pub image: Option<String>,
    /// The image's tag.
    pub tag: Option<String>,
    /// What LocalStack's images ask for.
    pub auth_token: Option<Secret>,
}

fn default_region() -> String {
    "us-east-1".into()
}

/// How a target may be probed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Default)]
#[serde(rename_all = "lowercase")]
pub enum ProbeMode {
    /// Into a ledger table in a schema of the drill's own.
    #[default]
    Write,
    /// Reads only, where the role may not create a schema; the RPO is then not measured.
    Read,
}

/// One `[targets.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetEntry {
    /// An Amazon RDS DB instance.
    RdsInstance(RdsInstanceTarget),
    /// A PostgreSQL server without a control plane.
    Postgres(PostgresTarget),
    /// An Amazon DynamoDB table.
    DynamodbTable(DynamodbTableTarget),
}

/// The roles that a target with an SQL server has.
#[derive(Debug, Clone, Copy)]
pub struct SqlRoles<'a> {
    /// The role to connect as.
    pub user: &'a str,
    /// That role's password.
    pub password: &'a Password,
    /// A role that may use the reserved connections, and its password.
    pub admin: Option<(&'a str, &'a Password)>,
}

impl TargetEntry {
    /// Its roles; none where there is no SQL.
    pub fn sql_roles(&self) -> Option<SqlRoles<'_>> {
        let (user, password, admin, admin_password) = match self {
            Self::RdsInstance(t) => (&t.user, &t.password, &t.admin_user, &t.admin_password),
            Self::Postgres(t) => (&t.user, &t.password, &t.admin_user, &t.admin_password),
            Self::DynamodbTable(_) => return None,
        };
        let admin = admin.as_deref().map(|user| (user, admin_password.as_ref().unwrap_or(password)));
        Some(SqlRoles { user, password, admin })
    }

    /// What its server's certificate is held against; none where the sessions are not encrypted. Where the plan does not say,
    /// they are on AWS and where it gives a CA.
    pub fn server_tls(&self, provider: Provider) -> Option<ServerTls> {
        let (tls, ca) = match self {
            Self::RdsInstance(t) => (t.tls, &t.tls_ca),
            Self::Postgres(t) => (t.tls, &t.tls_ca),
            Self::DynamodbTable(_) => return None,
        };
        let default = if provider == Provider::Aws || ca.is_some() { Tls::VerifyFull } else { Tls::Off };
        match tls.unwrap_or(default) {
            Tls::VerifyFull => Some(ServerTls { ca: ca.clone(), name: None }),
            Tls::Off => None,
        }
    }

    /// The plan's own host; none where the control plane says it.
    pub fn host(&self) -> Option<&str> {
        match self {
            Self::RdsInstance(t) => t.host.as_deref(),
            Self::Postgres(t) => Some(&t.host),
            Self::DynamodbTable(_) => None,
        }
    }

    /// The plan's own words on TLS, and the path of its CA certificates; none where there is no SQL.
    pub fn tls_mut(&mut self) -> Option<(&mut Option<Tls>, &mut Option<String>)> {
        match self {
            Self::RdsInstance(t) => Some((&mut t.tls, &mut t.tls_ca)),
            Self::Postgres(t) => Some((&mut t.tls, &mut t.tls_ca)),
            Self::DynamodbTable(_) => None,
        }
    }

    /// The HTTP address that says whether the application is healthy.
    pub fn app_health(&self) -> Option<&str> {
        match self {
            Self::RdsInstance(target) => target.app_health.as_deref(),
            Self::Postgres(target) => target.app_health.as_deref(),
            Self::DynamodbTable(_) => None,
        }
    }

    /// Whether it is looked up at the control plane.
    pub fn needs_control_plane(&self) -> bool {
        !matches!(self, Self::Postgres(_))
    }

    /// The roles whose passwords Secrets Manager keeps.
    pub fn kept_passwords(&self) -> impl Iterator<Item = (&str, &KeptPassword)> {
        self.passwords().filter_map(|(user, password)| Some((user, password.kept()?)))
    }

    /// The roles that log in with tokens of RDS IAM authentication.
    pub fn token_passwords(&self) -> impl Iterator<Item = (&str, &TokenPassword)> {
        self.passwords().filter_map(|(user, password)| Some((user, password.token()?)))
    }

    /// Its roles and their passwords, the administrator's last.
    fn passwords(&self) -> impl Iterator<Item = (&str, &Password)> {
        let roles = self.sql_roles();
        roles.into_iter().flat_map(|roles| [Some((roles.user, roles.password)), roles.admin]).flatten()
    }

    /// What two entries have in common that are one resource: drills on it run one after the other.
    pub fn resource(&self) -> String {
        match self {
            Self::RdsInstance(target) => format!("rds:{}", target.identifier.to_lowercase()),
            Self::Postgres(target) => format!("postgres:{}:{:?}", target.host, target.port),
            Self::DynamodbTable(target) => format!("dynamodb:{}", target.table),
        }
    }
}

/// An Amazon DynamoDB table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamodbTableTarget {
    /// The table's name.
    pub table: String,
}

/// An Amazon RDS DB instance that runs PostgreSQL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = of_instance)]
pub struct RdsInstanceTarget {
    /// The DB instance identifier.
    pub identifier: String,
    /// The database to connect to.
    pub database: String,
    /// The role to connect as.
    pub user: String,
    /// That role's password.
    pub password: Password,
    /// Another host than the instance's endpoint (a tunnel, a bastion).
    pub host: Option<String>,
    /// Another port than the instance's endpoint.
    pub port: Option<Port>,
    /// A role that may use the reserved connections.
    pub admin_user: Option<String>,
    /// That role's password.
    pub admin_password: Option<Password>,
    /// Whether sessions are encrypted; where it says nothing, the provider decides.
    pub tls: Option<Tls>,
    /// The PEM file with the CA certificates that are trusted, as a path relative to the plan.
    pub tls_ca: Option<String>,
    /// How it may be probed.
    #[serde(default)]
    pub probe: ProbeMode,
    /// An HTTP address that says whether the application is healthy.
    pub app_health: Option<String>,
}

/// A PostgreSQL server without a control plane.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = of_server)]
pub struct PostgresTarget {
    /// Host name or address.
    pub host: String,
    /// TCP port.
    #[serde(default = "default_port")]
    pub port: Port,
    /// The database to connect to.
    pub database: String,
    /// The role to connect as.
    pub user: String,
    /// That role's password.
    pub password: Password,
    /// A role that may use the reserved connections.
    pub admin_user: Option<String>,
    /// That role's password.
    pub admin_password: Option<Password>,
    /// Whether sessions are encrypted; where it says nothing, the provider decides.
    pub tls: Option<Tls>,
    /// The PEM file with the CA certificates that are trusted, as a path relative to the plan.
    pub tls_ca: Option<String>,
    /// An HTTP address that says whether the application is healthy.
    pub app_health: Option<String>,
}

fn default_port() -> Port {
    Port::Number(5432)
}

/// A TCP port: a number, or a variable that holds one.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "PortForm")]
pub enum Port {
    /// The port.
    Number(u16),
    /// A variable without its value, which only a plan that is printed and not run has.
    Unresolved(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum PortForm {
    Number(i64),
    Text(String),
}

impl TryFrom<PortForm> for Port {
    type Error = String;

    fn try_from(form: PortForm) -> Result<Self, String> {
        let text = match form {
            PortForm::Text(text) if text.starts_with("${") => return Ok(Self::Unresolved(text)),
            PortForm::Text(text) => text,
            PortForm::Number(number) => number.to_string(),
        };
        match text.parse() {
            Ok(number) if number > 0 => Ok(Self::Number(number)),
            _ => Err(format!("`{text}` is not a TCP port; write one from 1 to 65535")),
        }
    }
}

impl JsonSchema for Port {
    fn schema_name() -> Cow<'static, str> {
        "Port".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A TCP port: a number, or a text with one.",
            "anyOf": [
                { "type": "integer", "minimum": 1, "maximum": 65535 },
                { "type": "string", "pattern": r"^\+?0*[1-9][0-9]{0,4}$" },
            ],
        })
    }
}

/// One `[[drills]]`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
pub struct DrillEntry {
    /// The drill's name in every report.
    pub name: String,
    /// Which drill of the catalogue.
    pub scenario: String,
    /// The name of a `[targets.…]`.
    pub target: String,
    /// The recovery time objective.
    pub rto: Option<DurationText>,
    /// The recovery point objective.
    pub rpo: Option<DurationText>,
    /// The controls that it evidences if it passes.
    #[serde(default)]
    #[schemars(extend("uniqueItems" = true))]
    pub controls: Vec<ControlId>,
    /// What is left: the options of that one drill, which it reads itself.
    #[serde(flatten)]
    #[schemars(skip)]
    pub options: Table,
}
