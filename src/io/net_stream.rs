//! The `NetStream` of each adapter: TCP or a Unix socket, with TLS on it or not; knows no runtime.

/// Defines the `NetStream` of an adapter over its own types of streams, and a macro `with_stream!`,
/// which passes a call on to the stream that it is.
///
/// The expression behind the stream with TLS yields the `NetStream` underneath and what TLS has
/// negotiated. An adapter may have more variants, each with a `cfg` if need be: their types have the
/// methods `tcp`, `is_tls` and `tls` themselves.
macro_rules! net_stream {
    (
        $(#[$doc:meta])*
        pub struct NetStream {
            Tcp($tcp:ty),
            Unix($unix:ty),
            Tls($tls:ty): |$session:ident| $parts:expr,
            $($(#[$cfg:meta])* $other:ident($type:ty),)*
        }
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct NetStream(Kind);

        #[derive(Debug)]
        enum Kind {
            Tcp($tcp),
            #[cfg(unix)]
            Unix($unix),
            /// Over a stream that may itself be one with TLS: that to a proxy.
            #[cfg(feature = "rustls")]
            Tls(alloc::boxed::Box<$tls>),
            $($(#[$cfg])* $other($type),)*
        }

        impl NetStream {
            /// Returns the TCP stream underneath, for its options and addresses. `None` over a Unix
            /// socket.
            ///
            /// Do not read from it or write to it: that breaks the connection.
            #[must_use]
            pub fn tcp(&self) -> Option<&$tcp> {
                match &self.0 {
                    Kind::Tcp(stream) => Some(stream),
                    #[cfg(unix)]
                    Kind::Unix(_) => None,
                    #[cfg(feature = "rustls")]
                    Kind::Tls($session) => $parts.0.tcp(),
                    $($(#[$cfg])* Kind::$other(stream) => stream.tcp(),)*
                }
            }

            /// Returns whether there is TLS on it.
            #[must_use]
            pub const fn is_tls(&self) -> bool {
                match &self.0 {
                    Kind::Tcp(_) => false,
                    #[cfg(unix)]
                    Kind::Unix(_) => false,
                    #[cfg(feature = "rustls")]
                    Kind::Tls(_) => true,
                    $($(#[$cfg])* Kind::$other(stream) => stream.is_tls(),)*
                }
            }

            /// Returns what TLS has negotiated: the peer's certificates, the version, ALPN. `None`
            /// without TLS.
            #[cfg(feature = "rustls")]
            #[must_use]
            pub fn tls(&self) -> Option<&rustls::CommonState> {
                match &self.0 {
                    Kind::Tls($session) => Some($parts.1),
                    Kind::Tcp(_) => None,
                    #[cfg(unix)]
                    Kind::Unix(_) => None,
                    $($(#[$cfg])* Kind::$other(stream) => stream.tls(),)*
                }
            }

            /// Returns the address of the TCP peer: of the proxy, if there is one in between.
            ///
            /// # Errors
            ///
            /// The socket is no longer connected, or it is a Unix socket.
            pub fn peer_addr(&self) -> std::io::Result<core::net::SocketAddr> {
                self.tcp().ok_or(std::io::ErrorKind::Unsupported)?.peer_addr()
            }
        }

        impl From<$tcp> for NetStream {
            fn from(stream: $tcp) -> Self {
                Self(Kind::Tcp(stream))
            }
        }

        #[cfg(unix)]
        impl From<$unix> for NetStream {
            fn from(stream: $unix) -> Self {
                Self(Kind::Unix(stream))
            }
        }

        #[cfg(feature = "rustls")]
        impl NetStream {
            /// Puts TLS on a stream.
            pub(super) fn over_tls(stream: impl Into<$tls>) -> Self {
                Self(Kind::Tls(alloc::boxed::Box::new(stream.into())))
            }
        }

        macro_rules! with_stream {
            ($kind:expr, $stream:ident => $call:expr) => {
                match $kind {
                    Kind::Tcp($stream) => $call,
                    #[cfg(unix)]
                    Kind::Unix($stream) => $call,
                    #[cfg(feature = "rustls")]
                    Kind::Tls($stream) => $call,
                    $($(#[$cfg])* Kind::$other($stream) => $call,)*
                }
            };
        }
    };
}

pub(super) use net_stream;
