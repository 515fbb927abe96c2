//! Whose an address is: this machine's, AWS's, or somebody else's.

/// Whether an endpoint is an `http` or `https` address on this machine.
pub fn is_loopback(endpoint: &str) -> bool {
    let Ok(uri) = endpoint.parse::<hyper::Uri>() else { return false };
    // What stands before an `@` is a user's name, whatever it looks like; nobody needs one here.
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let here =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    plain && here && matches!(uri.scheme_str(), Some("http" | "https"))
}

/// The domains of AWS's services, those for both kinds of IP among them, as the SDK's partitions have them.
const DOMAINS: [&str; 14] = [
    "amazonaws.com",
    "api.aws",
    "amazonaws.com.cn",
    "api.amazonwebservices.com.cn",
    "amazonaws.eu",
    "api.amazonwebservices.eu",
    "c2s.ic.gov",
    "api.aws.ic.gov",
    "sc2s.sgov.gov",
    "api.aws.scloud",
    "csp.hci.ic.gov",
    "api.aws.hci.ic.gov",
    "cloud.adc-e.uk",
    "api.cloud-aws.adc-e.uk",
];

/// The services that are asked here, as their names begin.
const SERVICES: [&str; 9] =
    ["sts", "rds", "dynamodb", "s3", "kms", "secretsmanager", "monitoring", "sns", "email"];

/// Whether an endpoint is an `https` address at which AWS itself answers for one of the services that are asked here, VPC
/// endpoints among them. In the same domains are names behind which AWS's customers have what they like (API Gateway, load
/// balancers, machines, services of their own behind VPC endpoints): none of those is.
pub fn is_of_aws(endpoint: &str) -> bool {
    answers_at(endpoint, is_a_service)
}

/// Whether an endpoint is an `https` address at which IAM Identity Center gives credentials, or renews a sign-in.
pub(super) fn is_of_sign_in(endpoint: &str) -> bool {
    answers_at(endpoint, |labels| match labels {
        ["portal", "sso" | "sso-fips", region] | ["oidc" | "oidc-fips", region] => is_region(region),
        _ => false,
    })
}

/// Whether it is an `https` address in one of the domains, with such labels before it.
fn answers_at(endpoint: &str, are_such: fn(&[&str]) -> bool) -> bool {
    let Ok(uri) = endpoint.parse::<hyper::Uri>() else { return false };
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let host = uri.host().unwrap_or_default().to_ascii_lowercase();
    let mut within = DOMAINS.iter().filter_map(|domain| host.strip_suffix(domain)?.strip_suffix('.'));
    let named = within.any(|name| are_such(&name.split('.').collect::<Vec<_>>()));
    plain && uri.scheme_str() == Some("https") && named
}

/// Whether the labels before a domain are a service's: `SERVICE.REGION`, `SERVICE`, `ACCOUNT.ddb.REGION`, `BUCKET.s3.REGION`, and
/// `vpce-ID.SERVICE.REGION.vpce`.
fn is_a_service(labels: &[&str]) -> bool {
    let is_service = |label: &str| SERVICES.contains(&label.strip_suffix("-fips").unwrap_or(label));
    let is_s3 = |label: &str| label == "s3" || label == "s3-fips";
    let is_account = |label: &str| label.len() == 12 && label.bytes().all(|byte| byte.is_ascii_digit());
    match *labels {
        [service] => is_service(service),
        [service, region] if is_service(service) => is_region(region),
        [account, "ddb", region] => is_account(account) && is_region(region),
        [endpoint, service, region, "vpce"] => {
            endpoint.starts_with("vpce-") && is_service(service) && is_region(region)
        }
        [_, endpoint, service, region, "vpce"] => {
            endpoint.starts_with("vpce-") && is_s3(service) && is_region(region)
        }
        [service, "dualstack", region] | [_, service, "dualstack", region] | [_, service, region] => {
            is_s3(service) && is_region(region)
        }
        _ => false,
    }
}

/// As in `eu-west-1` and `us-gov-east-1`.
fn is_region(label: &str) -> bool {
    let words: Vec<&str> = label.split('-').collect();
    let is_word = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    match words[..] {
        [ref words @ .., number] => {
            words.len() >= 2
                && words.iter().all(is_word)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_is_told_from_what_stands_in_for_it() {
        for endpoint in [
            "https://rds.eu-west-1.amazonaws.com",
            "https://RDS.eu-west-1.amazonaws.com:443/",
            "https://sts.amazonaws.com",
            "https://sts-fips.us-gov-west-1.amazonaws.com",
            "https://vpce-0a1b-2c3d.rds.eu-west-1.vpce.amazonaws.com",
            "https://bucket.vpce-0a1b-2c3d.s3.eu-west-1.vpce.amazonaws.com",
            "https://dynamodb.cn-north-1.amazonaws.com.cn",
            "https://123456789012.ddb.eu-west-1.amazonaws.com",
            "https://dynamodb.eu-west-1.api.aws",
            "https://drills.s3.eu-west-1.amazonaws.com/team",
            "https://drills.s3.dualstack.eu-west-1.amazonaws.com",
        ] {
            assert!(is_of_aws(endpoint), "{endpoint}");
        }
        for endpoint in [
            "http://rds.eu-west-1.amazonaws.com",
            "https://localstack.example.com",
            "https://rds.eu-west-1.amazonaws.com.example.com",
            "https://amazonaws.com",
            "https://notamazonaws.com",
            "https://rds.eu-west-1.amazonaws.com@example.com",
            "https://127.0.0.1:4566",
            "https://a1b2c3.execute-api.eu-west-1.amazonaws.com/stage",
            "https://rds-1234.eu-west-1.elb.amazonaws.com",
            "https://rds.elb.amazonaws.com",
            "https://ec2-1-2-3-4.eu-west-1.compute.amazonaws.com",
            "https://vpce-0a1b-2c3d.vpce-svc-0a1b.eu-west-1.vpce.amazonaws.com",
            "https://rds.s3-website.eu-west-1.amazonaws.com",
            "https://drills.s3-website-eu-west-1.amazonaws.com",
            "https://moto.rds.eu-west-1.amazonaws.com",
            "https://ddb.eu-west-1.amazonaws.com",
            "https://a.b.s3.eu-west-1.amazonaws.com",
            "https://1234.ddb.eu-west-1.amazonaws.com",
            "https://sts..amazonaws.com",
            "https://.amazonaws.com",
            "",
        ] {
            assert!(!is_of_aws(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn where_people_sign_in_is_told_from_the_rest() {
        for endpoint in [
            "https://portal.sso.eu-west-1.amazonaws.com/federation/credentials",
            "https://oidc.eu-west-1.api.aws/token",
        ] {
            assert!(is_of_sign_in(endpoint), "{endpoint}");
        }
        for endpoint in [
            "http://portal.sso.eu-west-1.amazonaws.com",
            "https://portal.sso.eu-west-1.elb.amazonaws.com",
            "https://oidc.amazonaws.com",
            "https://rds.eu-west-1.amazonaws.com",
        ] {
            assert!(!is_of_sign_in(endpoint), "{endpoint}");
        }
    }

    #[test]
    fn loopback_is_told_from_the_rest() {
        for endpoint in
            ["http://127.0.0.1:4566", "http://localhost:1/x", "http://[::1]:80", "https://127.3.2.1:9"]
        {
            assert!(is_loopback(endpoint), "{endpoint}");
        }
        for endpoint in [
            "https://rds.eu-west-1.amazonaws.com",
            "http://10.0.0.1:4566",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com:80",
            "http://user@example.com/127.0.0.1",
            "http://127.0.0.1:80@rds.eu-west-1.example.com",
            "http://127.0.0.1\\@example.com",
            "127.0.0.1:80",
            "",
        ] {
            assert!(!is_loopback(endpoint), "{endpoint}");
        }
    }
}
