//! Where AWS itself is meant, requests go to AWS alone. The SDK follows variables and profiles (`AWS_ENDPOINT_URL_STS`,
//! `endpoint_url`), which may lead one service elsewhere: what answered there would be taken for AWS, and what credentials are
//! asked with would be told to it.
//!
//! Not guaranteed: that whoever answers under a name of AWS's is AWS. That rests on the machine's name service and on the
//! certificate authorities that it trusts.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

use super::addresses::{is_of_aws, is_of_sign_in};
use super::plans_sts::is_for_credentials;

/// A client that sends nothing elsewhere.
#[derive(Debug)]
pub(super) struct OnlyAws {
    pub http: SharedHttpClient,
    /// It looks for credentials: what is asked for them without any, of a container's or machine's metadata, is where it is.
    pub looks: bool,
}

#[derive(Debug)]
struct Connector {
    connector: SharedHttpConnector,
    looks: bool,
}

/// Whether a request may go where it is to go.
fn may_go(request: &HttpRequest, looks: bool) -> bool {
    let signs_in = request.headers().get("x-amz-sso_bearer_token").is_some()
        || (request.method() == "POST" && request.uri().ends_with("/token"));
    match (looks, signs_in) {
        (true, true) => is_of_sign_in(request.uri()),
        (true, false) if !is_for_credentials(request) => true,
        _ => is_of_aws(request.uri()),
    }
}

impl HttpClient for OnlyAws {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.http.http_connector(settings, components);
        SharedHttpConnector::new(Connector { connector, looks: self.looks })
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        if may_go(&request, self.looks) {
            return self.connector.call(request);
        }
        let uri = request.uri().parse::<hyper::Uri>().ok();
        // The host alone: what else is in an address may be secret.
        let host = uri.as_ref().and_then(hyper::Uri::host).unwrap_or("an address that is none");
        let refused = format!(
            "the plan is for AWS itself, and this call was to go to `{host}`, which is not an https address of AWS; unset the \
             AWS_ENDPOINT_URL variables that lead there, and endpoint_url in the AWS tools' configuration"
        );
        HttpConnectorFuture::ready(Err(ConnectorError::user(refused.into())))
    }
}
