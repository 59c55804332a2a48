//! URLs as the WHATWG parses them: international names become ASCII, what must be percent-encoded is.

use url::{ParseError, Url};

use super::{
    EMPTY, FRAGMENT, IPV6, NAME, NUMERIC, PORT, ParsedUrl, SCHEME, USER_INFO, UrlError, UrlPart,
    is_secure, with_query,
};

pub(super) fn parse(url: &str) -> Result<ParsedUrl, UrlError> {
    let parsed = Url::parse(url).map_err(explain)?;
    let Some(is_secure) = is_secure(parsed.scheme()) else {
        return Err(UrlError::of(UrlPart::Scheme, SCHEME));
    };
    if parsed.fragment().is_some() {
        return Err(UrlError::of(UrlPart::Fragment, FRAGMENT));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(UrlError::of(UrlPart::UserInfo, USER_INFO));
    }
    if parsed.port() == Some(0) {
        return Err(UrlError::of(UrlPart::Port, PORT));
    }
    let (authority, path) = (parsed.authority().into(), parsed.path());
    let resource = with_query(path.into(), parsed.query().unwrap_or_default());
    Ok(ParsedUrl { is_secure, authority, resource })
}

const fn explain(error: ParseError) -> UrlError {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is of other URLs, or to come")]
    match error {
        ParseError::EmptyHost => UrlError::of(UrlPart::Host, EMPTY),
        ParseError::IdnaError => UrlError::of(UrlPart::Host, "not an international host name"),
        ParseError::InvalidDomainCharacter => UrlError::of(UrlPart::Host, NAME),
        ParseError::InvalidIpv4Address => UrlError::of(UrlPart::Host, NUMERIC),
        ParseError::InvalidIpv6Address => UrlError::of(UrlPart::Host, IPV6),
        ParseError::InvalidPort => UrlError::of(UrlPart::Port, PORT),
        _ => UrlError::of(UrlPart::Scheme, SCHEME),
    }
}
