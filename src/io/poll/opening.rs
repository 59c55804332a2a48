//! Opens the WebSocket of an asynchronous runtime: the handshake of either side; knows no events.

use alloc::boxed::Box;
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use super::WebSocket;
use super::shell::Wakers;
use super::transport::PollTransport;
use crate::connection::Config;
use crate::driver::Driver;
use crate::handshake::{Acceptance, ClientRequest, HandshakeError, HeadLimits, Request, Response};
use crate::io::{Error, client};

impl<T: PollTransport> WebSocket<T> {
    /// Does a client's handshake over a connected stream, such as a TLS stream.
    ///
    /// # Errors
    ///
    /// - [`Error::Handshake`]: [`HandshakeError::UnexpectedStatus`] contains the answer of a server
    ///   that refused; `Timeout` comes after [`HeadLimits::timeout`].
    /// - [`Error::Connect`]: the stream failed.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    #[doc(alias = "TLS")]
    #[doc(alias = "wss")]
    pub fn connect_over(
        stream: T::Stream,
        request: &ClientRequest,
        config: &Config,
    ) -> impl Future<Output = Result<Self, Error>> + use<T> {
        Self::opened(stream, client(request, config), async |_: &Request| Ok(Acceptance::new()))
    }

    /// Does a server's handshake, and accepts every valid request for a WebSocket.
    ///
    /// On a TCP stream, call `set_nodelay(true)` first. Messages are written whole; without
    /// `TCP_NODELAY` the second of two replies may wait 40 ms for the acknowledgement of the first.
    ///
    /// # Errors
    ///
    /// Those of [`accept_with`](Self::accept_with), except [`Error::Rejected`].
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    #[doc(alias = "server")]
    pub fn accept(
        stream: T::Stream,
        config: &Config,
    ) -> impl Future<Output = Result<Self, Error>> + use<T> {
        Self::accept_with(stream, config, async |_: &Request| Ok(Acceptance::new()))
    }

    /// Does a server's handshake, and lets `decide` accept the request or refuse it with an HTTP
    /// response.
    ///
    /// `decide` sees every well-formed HTTP request, also one that does not ask for a WebSocket: it
    /// may answer with a page. If it accepts such a request, the client is told what is wrong with
    /// the request. Keep what you need later, such as the path or a cookie: the request is gone
    /// after the handshake.
    ///
    /// `decide` may wait, for a database or for another server:
    ///
    #[cfg_attr(feature = "tokio", doc = "```")]
    #[cfg_attr(not(feature = "tokio"), doc = "```ignore")]
    /// # async fn user_of(_: Option<&str>) -> Option<u32> { None }
    /// use sanswire::handshake::{Acceptance, Request, Response};
    /// use sanswire::io::tokio::WebSocket;
    /// use sanswire::{Config, Error};
    ///
    /// # async fn f(stream: tokio::net::TcpStream) -> Result<(), Error> {
    /// let mut user = 0;
    /// let decide = async |request: &Request| {
    ///     let found = user_of(request.headers().text("Cookie")).await;
    ///     user = found.ok_or_else(|| Response::new(401).text("sign in first\n"))?;
    ///     Ok(Acceptance::new())
    /// };
    /// let mut socket = WebSocket::accept_with(stream, &Config::default(), decide).await?;
    /// socket.send(format!("welcome, number {user}")).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// If `decide` takes longer than [`HeadLimits::timeout`], its future is dropped, and the client
    /// gets the status 503.
    ///
    /// # Errors
    ///
    /// - [`Error::Rejected`]: `decide` answered with a response, such as a refusal or a page.
    /// - [`Error::Handshake`]: the request is invalid, or the request or its answer took longer
    ///   than [`HeadLimits::timeout`]. [`HandshakeError::NoRequest`] means that the client
    ///   connected and left without a request, as browsers do: do not log it.
    /// - [`Error::Io`]: the stream failed.
    ///
    /// A client that made a request has been answered when this returns one of the first two.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    #[doc(alias = "authentication")]
    pub fn accept_with<D: AsyncFnOnce(&Request) -> Result<Acceptance, Response>>(
        stream: T::Stream,
        config: &Config,
        decide: D,
    ) -> impl Future<Output = Result<Self, Error>> + use<T, D> {
        Self::opened(stream, Ok(Driver::server(config)), decide)
    }

    /// Does the handshake of [`accept_with`](Self::accept_with), with other limits for the request.
    ///
    /// # Errors
    ///
    /// Those of [`accept_with`](Self::accept_with).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the stream is dropped. The future does not borrow its arguments.
    pub fn accept_with_limits<D: AsyncFnOnce(&Request) -> Result<Acceptance, Response>>(
        stream: T::Stream,
        limits: &HeadLimits,
        config: &Config,
        decide: D,
    ) -> impl Future<Output = Result<Self, Error>> + use<T, D> {
        Self::opened(stream, Ok(Driver::server_with(limits, config)), decide)
    }

    /// Does the opening handshake of a socket that was made
    /// [from a driver](Self::from_driver) which has not done it. `decide` is that of
    /// [`accept_with`](Self::accept_with); a client does not call it.
    ///
    /// Use it when something is to be set before the handshake, such as
    /// [`shut_down_on`](Self::shut_down_on), which has an example. A socket that is open already
    /// stays so.
    ///
    /// # Errors
    ///
    /// Those of [`accept_with`](Self::accept_with) or [`connect_over`](Self::connect_over).
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped before `decide` was called, another call continues. After that, the
    /// request is lost: drop the socket.
    pub async fn open<D: AsyncFnOnce(&Request) -> Result<Acceptance, Response>>(
        &mut self,
        decide: D,
    ) -> Result<(), Error> {
        if let Some(request) = poll_fn(|cx| self.shell.poll_open(Wakers::of(cx))).await? {
            let decided = self.opening_while(decide(&request)).await?;
            self.shell.answer(&request, decided);
            poll_fn(|cx| self.shell.poll_open(Wakers::of(cx))).await?;
        }
        Ok(())
    }

    /// Boxed: a task that opens a connection and then serves it would hold the place of this future
    /// all along, beside the socket.
    fn opened<D: AsyncFnOnce(&Request) -> Result<Acceptance, Response>>(
        stream: T::Stream,
        driver: Result<Driver, Error>,
        decide: D,
    ) -> impl Future<Output = Result<Self, Error>> + use<T, D> {
        Box::pin(async move {
            let mut socket = Self::from_driver(stream, driver?);
            socket.open(decide).await?;
            Ok(socket)
        })
    }

    /// Waits for `decision`, unless the handshake ends before it.
    async fn opening_while<R>(&mut self, decision: impl Future<Output = R>) -> Result<R, Error> {
        let mut decision = pin!(Some(decision));
        poll_fn(|cx| {
            let ended = self.shell.poll_open(Wakers::of(cx));
            if self.shell.driver().is_ending() {
                // Nobody waits for it any more, while the client is told.
                decision.set(None);
            }
            match (ended, decision.as_mut().as_pin_mut()) {
                // There is no other request, and it is not open without an answer.
                (Poll::Ready(ended), _) => {
                    Poll::Ready(Err(ended.err().unwrap_or(HandshakeError::OutOfOrder.into())))
                }
                (Poll::Pending, made) => made.map_or(Poll::Pending, |made| made.poll(cx).map(Ok)),
            }
        })
        .await
    }
}
