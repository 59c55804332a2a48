//! Which proxy the environment names for a URL, by the rules of curl; speaks to none.

use alloc::string::ToString;
use alloc::sync::Arc;

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

use super::proxy::{Proxy, SCHEME, Scheme};
use crate::handshake::{ClientRequest, Credentials, UrlError, UrlPart};

/// The variables of the environment, as they were.
#[derive(Clone, Debug)]
pub(super) struct Environment(Arc<Matcher>);

impl Environment {
    pub(super) fn read() -> Self {
        Self(Arc::new(Matcher::from_env()))
    }

    /// Returns the proxy for a request.
    pub(super) fn proxy_for(&self, request: &ClientRequest) -> Result<Option<Proxy>, UrlError> {
        let scheme = if request.is_secure() { "https" } else { "http" };
        let target = Uri::builder().scheme(scheme).authority(request.authority());
        let Ok(target) = target.path_and_query("/").build() else {
            return Err(UrlError::of_other(
                &request.url(),
                UrlPart::Host,
                "it cannot be compared with no_proxy",
            ));
        };
        let Some(found) = self.0.intercept(&target) else { return Ok(None) };
        let scheme = found.uri().scheme_str().and_then(Scheme::parse);
        let scheme = scheme
            .ok_or_else(|| UrlError::of_other(&found.uri().to_string(), UrlPart::Scheme, SCHEME))?;
        let authority = found.uri().authority().map(|authority| authority.as_str());
        let mut proxy = Proxy::new(scheme, authority.unwrap_or_default())?;
        if let Some(basic) = found.basic_auth().and_then(|value| value.to_str().ok()) {
            proxy = proxy.authorized(basic);
        }
        if let Some((user, password)) = found.raw_auth() {
            let credentials = Credentials { user: user.into(), password: password.into() };
            proxy = proxy.with_credentials(credentials, &found.uri().to_string())?;
        }
        Ok(Some(proxy))
    }

    #[cfg(test)]
    fn of(matcher: Matcher) -> Self {
        Self(Arc::new(matcher))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn proxy(environment: &Environment, url: &str) -> Option<Proxy> {
        environment.proxy_for(&ClientRequest::from_url(url).unwrap()).unwrap()
    }

    #[test]
    fn ws_is_asked_for_as_http_and_wss_as_https() {
        let matcher =
            Matcher::builder().http("http://a:1").https("socks5h://b").no("c, 10.0.0.0/8");
        let environment = Environment::of(matcher.build());
        let shown = |url| proxy(&environment, url).map(|proxy| proxy.to_string());
        assert_eq!(shown("ws://d/").as_deref(), Some("http://a:1"));
        assert_eq!(shown("wss://d:444/").as_deref(), Some("socks5h://b:1080"));
        for direct in ["ws://c/", "wss://sub.c/", "ws://10.1.2.3/"] {
            assert_eq!(shown(direct), None, "{direct}");
        }
        assert_eq!(shown("ws://[::1]:80/").as_deref(), Some("http://a:1"));
        let environment = Environment::of(Matcher::builder().all("a:3128").no("[::1]").build());
        assert_eq!(proxy(&environment, "wss://d/").unwrap().to_string(), "http://a:3128");
    }

    #[test]
    fn credentials_go_along_and_are_not_shown() {
        let matcher = Matcher::builder().http("http://secret:sec%40@a").https("socks5://secret@b");
        let environment = Environment::of(matcher.build());
        let http = proxy(&environment, "ws://d/").unwrap();
        assert_eq!(http.headers.text("Proxy-Authorization"), Some("Basic c2VjcmV0OnNlY0A="));
        let socks = proxy(&environment, "wss://d/").unwrap();
        assert_eq!(socks.credentials.as_ref().unwrap().user, "secret");
        let shown = alloc::format!("{environment:?} {http:?} {socks:?}");
        assert!(!shown.contains("secret") && !shown.contains("c2Vj"), "{shown}");
    }

    #[test]
    fn a_proxy_of_another_kind_is_an_error() {
        let environment = Environment::of(Matcher::builder().all("socks4://a").build());
        let error = environment.proxy_for(&ClientRequest::from_url("ws://b/").unwrap());
        assert_eq!(error.unwrap_err().part(), UrlPart::Scheme);
    }
}
