//! URLs as the WHATWG parses them: international names become ASCII, what must be percent-encoded is.

use url::{ParseError, Url};

use super::{
    EMPTY, FRAGMENT, Fault, IPV6, NAME, NUMERIC, PORT, ParsedUrl, SCHEME, USER_INFO, UrlPart,
    is_secure, with_query,
};
use crate::handshake::authority::Authority;

pub(super) fn parse(url: &str) -> Result<ParsedUrl, Fault> {
    let parsed = Url::parse(url).map_err(explain)?;
    let Some(is_secure) = is_secure(parsed.scheme()) else {
        return Err(Fault::of(UrlPart::Scheme, SCHEME));
    };
    if parsed.fragment().is_some() {
        return Err(Fault::of(UrlPart::Fragment, FRAGMENT));
    }
    if !parsed.username().is_empty() || parsed.password().is_some() {
        return Err(Fault::of(UrlPart::UserInfo, USER_INFO));
    }
    if parsed.port() == Some(0) {
        return Err(Fault::of(UrlPart::Port, PORT));
    }
    let authority = Authority::parse(parsed.authority());
    let authority = authority.ok_or_else(|| Fault::of(UrlPart::Host, NAME))?;
    let resource = with_query(parsed.path().into(), parsed.query().unwrap_or_default());
    Ok(ParsedUrl { is_secure, authority, resource })
}

const fn explain(error: ParseError) -> Fault {
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is of other URLs, or to come")]
    match error {
        ParseError::EmptyHost => Fault::of(UrlPart::Host, EMPTY),
        ParseError::IdnaError => Fault::of(UrlPart::Host, "not an international host name"),
        ParseError::InvalidDomainCharacter => Fault::of(UrlPart::Host, NAME),
        ParseError::InvalidIpv4Address => Fault::of(UrlPart::Host, NUMERIC),
        ParseError::InvalidIpv6Address => Fault::of(UrlPart::Host, IPV6),
        ParseError::InvalidPort => Fault::of(UrlPart::Port, PORT),
        _ => Fault::of(UrlPart::Scheme, SCHEME),
    }
}
