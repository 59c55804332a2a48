//! What is wrong with an extension, in words; judges none.

use alloc::string::{String, ToString};
use core::fmt;

use crate::excerpt::Excerpt;

/// The error for a name, a parameter or a header value that breaks the grammar of §9.1.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MalformedExtension {
    /// The beginning of what was given, on one line and with control characters escaped.
    pub found: String,
}

/// The error for an extension that was agreed on, but not as it was offered, or against its rules.
///
/// ```
/// # #[cfg(feature = "deflate")] {
/// use sanswire::extension::{Deflate, DeflateConfig, Extension};
///
/// let answer = Extension::new("permessage-deflate")?.param("server_max_window_bits", Some("7"))?;
/// let error = Deflate::confirm(&DeflateConfig::default(), &answer).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "permessage-deflate is not valid: server_max_window_bits=7 (a window has 8 to 15 bits)",
/// );
/// # }
/// # Ok::<(), sanswire::extension::MalformedExtension>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidExtension {
    /// The name of the extension.
    pub extension: String,
    /// The parameter at fault, as it came, or as it is missing. `None` if the extension itself is at
    /// fault.
    pub param: Option<String>,
    /// What is wrong with it.
    pub fault: &'static str,
}

impl MalformedExtension {
    pub(super) fn new(found: &[u8]) -> Self {
        Self { found: Excerpt(found).to_string() }
    }
}

impl fmt::Display for MalformedExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found } = self;
        write!(
            f,
            "\"{found}\" is malformed: names, parameters and values of extensions must be tokens"
        )
    }
}

impl core::error::Error for MalformedExtension {}

impl fmt::Display for InvalidExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { extension, param, fault } = self;
        write!(f, "{} is not valid: ", Excerpt(extension.as_bytes()))?;
        match param {
            Some(param) => write!(f, "{} ({fault})", Excerpt(param.as_bytes())),
            None => f.write_str(fault),
        }
    }
}

impl core::error::Error for InvalidExtension {}
