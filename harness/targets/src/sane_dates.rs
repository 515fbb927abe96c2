//! Answers whose `Date` is beyond all years that make sense lose it: the SDK signs by the clock of whoever answered last,
//! and ends in a panic where that clock says the year 9999.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// Nobody signs a request later.
const LAST_YEAR: i32 = 2200;

/// A client whose answers are looked at.
#[derive(Debug)]
pub struct SaneDates(pub SharedHttpClient);

#[derive(Debug)]
struct Connector(SharedHttpConnector);

impl HttpClient for SaneDates {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector(self.0.http_connector(settings, components)))
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answering = self.0.call(request);
        HttpConnectorFuture::new(async move {
            let mut answer = answering.await?;
            if answer.headers().get("date").is_some_and(|date| !makes_sense(date)) {
                answer.headers_mut().remove("date");
            }
            Ok(answer)
        })
    }
}

fn makes_sense(date: &str) -> bool {
    OffsetDateTime::parse(date, &Rfc2822).is_ok_and(|date| date.year() <= LAST_YEAR)
}
