//! TLS on the streams of an asynchronous runtime, as functions over that runtime's own types; decides
//! nothing about certificates.

/// Defines the TLS handshakes of an adapter over its `NetStream`. `$adapter` is the name of its
/// module and `$tcp` its TCP stream, for the example; `$acceptor` and `$connector` are those of the
/// TLS library for this runtime, and `$net` has its clock.
macro_rules! tls_handshakes {
    ($adapter:literal, $tcp:literal, $acceptor:ty, $connector:ty, $net:ty) => {
        impl NetStream {
            /// Does a server's TLS handshake over a connected stream. The result is for
            /// [`accept`](super::WebSocket::accept).
            ///
            /// ```no_run
            #[doc = concat!("# async fn f(stream: ", $tcp, ")")]
            /// # -> Result<(), Box<dyn std::error::Error>> {
            /// use sanswire::Config;
            #[doc = concat!("use sanswire::io::", $adapter, "::{NetStream, WebSocket};")]
            /// use sanswire::io::tls::ServerTls;
            ///
            /// let tls =
            ///     ServerTls::from_pem(&std::fs::read("cert.pem")?, &std::fs::read("key.pem")?)?;
            /// stream.set_nodelay(true)?;
            /// let stream = NetStream::accept_tls(stream, &tls).await?;
            /// let mut socket = WebSocket::accept(stream, &Config::default()).await?;
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// - [`Error::Tls`](crate::Error::Tls): the client does not speak TLS, does not trust
            ///   the certificate, or has none where one is wanted.
            /// - [`Error::Io`](crate::Error::Io): the stream failed, or the client took longer than
            ///   10 s.
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped, the stream is dropped.
            pub fn accept_tls<S: Into<Self>>(
                stream: S,
                tls: &$crate::io::tls::ServerTls,
            ) -> impl Future<Output = Result<Self, $crate::Error>> + Send + use<S> {
                accept(stream.into(), tls, Some($crate::io::tls::ACCEPT_LIMIT))
            }
        }

        /// Does a server's TLS handshake within `limit`.
        pub(super) fn accept(
            stream: NetStream,
            tls: &$crate::io::tls::ServerTls,
            limit: Option<core::time::Duration>,
        ) -> impl Future<Output = Result<NetStream, $crate::Error>> + Send + Unpin + use<> {
            let handshake = <$acceptor>::from(tls.config()).accept(stream);
            // Boxed: it is large, and a task would hold its place all along.
            alloc::boxed::Box::pin(async move {
                let stream = <$net>::begin(limit).wait(handshake).await;
                stream.map(NetStream::over_tls).map_err($crate::Error::of_tls_handshake)
            })
        }

        /// Does a client's TLS handshake.
        pub(super) async fn connect(
            stream: NetStream,
            tls: $crate::io::connector::Tls,
        ) -> std::io::Result<NetStream> {
            let stream = <$connector>::from(tls.config).connect(tls.name, stream).await?;
            Ok(NetStream::over_tls(stream))
        }
    };
}

pub(in crate::io) use tls_handshakes;
