//! The certificate of a server: from files, or made for this machine.

use std::error::Error;

use sanswire::io::tls::ServerTls;

/// Reads a certificate and a key in PEM format, or makes a certificate for this machine that nobody
/// vouches for.
pub(crate) fn server_tls(files: Option<(&str, &str)>) -> Result<ServerTls, Box<dyn Error>> {
    let (certificate, key) = match files {
        Some((certificate, key)) => (read(certificate)?, read(key)?),
        None => {
            let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
            let made = rcgen::generate_simple_self_signed(names)?;
            (made.cert.pem(), made.signing_key.serialize_pem())
        }
    };
    Ok(ServerTls::from_pem(certificate.as_bytes(), key.as_bytes())?)
}

fn read(file: &str) -> Result<String, Box<dyn Error>> {
    std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}").into())
}
