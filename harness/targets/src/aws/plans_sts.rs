//! Leads the calls of STS that the SDK makes for profiles and web identities to the plan's endpoint: it knows no other way
//! than a variable. What else it asks for credentials (SSO, a container's or machine's metadata) goes where it goes.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// How the body of a call of STS for credentials begins.
const ASSUMES: &[u8] = b"Action=AssumeRole";

/// Whether a request is such a call.
pub(super) fn is_for_credentials(request: &HttpRequest) -> bool {
    request.body().bytes().is_some_and(|body| body.starts_with(ASSUMES))
}

/// A client that leads them there.
#[derive(Debug)]
pub(super) struct PlansSts {
    pub http: SharedHttpClient,
    pub endpoint: String,
}

#[derive(Debug)]
struct Connector {
    connector: SharedHttpConnector,
    endpoint: String,
}

impl HttpClient for PlansSts {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let connector = self.http.http_connector(settings, components);
        SharedHttpConnector::new(Connector { connector, endpoint: self.endpoint.clone() })
    }
}

impl HttpConnector for Connector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        if is_for_credentials(&request) {
            // The host that it was signed for stays.
            let host = request.uri().parse::<hyper::Uri>().ok();
            if let Some(host) = host.as_ref().and_then(hyper::Uri::host) {
                request.headers_mut().insert("host", host.to_owned());
            }
            if let Err(error) = request.set_uri(self.endpoint.as_str()) {
                return HttpConnectorFuture::ready(Err(ConnectorError::user(error.into())));
            }
        }
        self.connector.call(request)
    }
}
