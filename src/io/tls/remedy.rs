//! Says what to do about a failed TLS handshake; knows no connection.
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "most errors of TLS have no remedy, and their number grows"
)]

use std::io;

use ::rustls::CertificateError as Certificate;
use ::rustls::{AlertDescription, Error};

/// Returns whether it was TLS that failed, not its transport.
pub(in crate::io) fn is_of_tls(error: &io::Error) -> bool {
    of_rustls(error).is_some()
}

fn of_rustls(error: &io::Error) -> Option<&Error> {
    error.get_ref()?.downcast_ref()
}

/// Returns what to do about a handshake that failed.
pub(in crate::io) fn remedy(error: &io::Error) -> &'static str {
    match of_rustls(error) {
        Some(Error::InvalidCertificate(error)) => match error {
            Certificate::Expired
            | Certificate::ExpiredContext { .. }
            | Certificate::NotValidYet
            | Certificate::NotValidYetContext { .. } => {
                ": the certificate must be renewed, or the clock of this machine is wrong"
            }
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => {
                ": use a name that the certificate has, or say by ClientTls::server_name which one \
                 to expect"
            }
            Certificate::UnknownIssuer => {
                ": trust its authority by ClientTls::root_certificates, or let the server send the \
                 intermediate certificates, too"
            }
            _ => "",
        },
        Some(Error::InvalidMessage(_)) => {
            ": the peer does not speak TLS: is it a ws URL, or another port?"
        }
        Some(Error::NoCertificatesPresented) => ": the client must send a certificate",
        Some(Error::AlertReceived(alert)) => match alert {
            AlertDescription::CertificateRequired => {
                ": the server wants a certificate of the client: give one by ClientTls::config"
            }
            AlertDescription::UnknownCA => ": the peer does not trust who signed the certificate",
            AlertDescription::UnrecognisedName => ": the server has no certificate for this name",
            AlertDescription::NoApplicationProtocol => {
                ": the peer does not speak HTTP/1.1 on this port"
            }
            _ => "",
        },
        _ => "",
    }
}
