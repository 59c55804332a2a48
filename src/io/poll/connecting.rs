//! How a client on an asynchronous runtime connects, as methods of the WebSocket of that runtime;
//! knows no step of the way.

/// Defines the methods of an adapter's `WebSocket<NetStream>` that connect. `$adapter` is the name
/// of its module, for the example, and `$net` has its sockets and its clock.
macro_rules! connect_methods {
    ($adapter:literal, $net:ty) => {
        impl WebSocket<NetStream> {
            /// Connects to a `ws://` or `wss://` URL, and does the opening handshake.
            ///
            /// `wss` needs the feature `rustls` and two more: [TLS](super#tls).
            /// [`connect_with`](Self::connect_with) takes headers, subprotocols and a
            /// [`Config`](crate::Config); [`connect_via`](Self::connect_via) takes options of TLS
            /// and of the way to the server. The [module's page](super) has an example.
            ///
            /// # Errors
            ///
            /// [`HandshakeError::InvalidUrl`](crate::handshake::HandshakeError::InvalidUrl), and
            /// those of [`connect_via`](Self::connect_via).
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped, the stream is dropped. The future does not borrow its
            /// arguments.
            #[doc(alias = "TLS")]
            #[doc(alias = "wss")]
            pub fn connect(url: &str) -> impl Future<Output = Result<Self, $crate::Error>> + use<> {
                let request = $crate::handshake::ClientRequest::from_url(url);
                let connecting =
                    request.map(|request| Self::connect_with(&request, &$crate::Config::default()));
                alloc::boxed::Box::pin(async move { connecting?.await })
            }

            /// Connects to the host of `request`, and does the opening handshake.
            ///
            /// ```no_run
            /// # async fn f() -> Result<(), sanswire::Error> {
            /// use sanswire::Config;
            /// use sanswire::handshake::ClientRequest;
            #[doc = concat!("use sanswire::io::", $adapter, "::WebSocket;")]
            ///
            /// let request = ClientRequest::from_url("ws://localhost:9001/chat")?
            ///     .header("Authorization", "Bearer 123")?
            ///     .subprotocol("chat")?;
            /// let mut socket = WebSocket::connect_with(&request, &Config::default()).await?;
            /// # Ok(())
            /// # }
            /// ```
            ///
            /// # Errors
            ///
            /// Those of [`connect_via`](Self::connect_via).
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped, the stream is dropped. The future does not borrow its
            /// arguments.
            #[doc(alias = "header")]
            #[doc(alias = "subprotocol")]
            pub fn connect_with(
                request: &$crate::handshake::ClientRequest,
                config: &$crate::Config,
            ) -> impl Future<Output = Result<Self, $crate::Error>> + use<> {
                Self::connect_via(&$crate::io::Connector::default(), request, config)
            }

            /// Connects to the host of `request` as `connector` says, and does the opening
            /// handshake.
            ///
            /// All addresses of the host are tried: a second one, of the other family if there is
            /// one, beside the first after 300 ms (RFC 8305). The first that answers is used.
            /// [`HeadLimits::timeout`](crate::handshake::HeadLimits::timeout) is the time for all
            /// steps together, redirects included.
            ///
            /// # Errors
            ///
            /// - [`Error::Tls`](crate::Error::Tls): TLS is not set up, or its handshake failed.
            /// - [`Error::Connect`](crate::Error::Connect): the host or the proxy was not found or
            ///   did not answer, the connection broke before the server's answer, or the adapter
            ///   cannot do what `connector` says.
            /// - [`Error::Proxy`](crate::Error::Proxy): the proxy refused.
            /// - [`Error::Redirect`](crate::Error::Redirect): the server redirected to where the
            ///   client does not follow.
            /// - Those of [`connect_over`](Self::connect_over).
            ///
            /// # Cancel safety
            ///
            /// If the future is dropped, the stream is dropped. The future does not borrow its
            /// arguments.
            #[doc(alias = "TLS")]
            #[doc(alias = "proxy")]
            pub fn connect_via(
                connector: &$crate::io::Connector,
                request: &$crate::handshake::ClientRequest,
                config: &$crate::Config,
            ) -> impl Future<Output = Result<Self, $crate::Error>> + use<> {
                let (connector, request, config) =
                    (connector.clone(), request.clone(), config.clone());
                alloc::boxed::Box::pin(async move {
                    $crate::io::connecting::open::<$net>(&connector, &request, &config).await
                })
            }
        }
    };
}

pub(in crate::io) use connect_methods;
