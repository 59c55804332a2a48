//! Tries the addresses of a host side by side (RFC 8305); knows no runtime.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::io;

use super::addresses::in_turn;
use super::tried::Tried;

/// Connects to the first address that answers. The next one is tried when the one before has failed
/// or `wait` is over; an attempt goes on meanwhile.
pub(in crate::io) async fn race<S, A, W>(
    tried: &mut Tried,
    addresses: Vec<SocketAddr>,
    attempt: impl Fn(SocketAddr) -> A,
    wait: impl Fn() -> W,
) -> Option<S>
where
    A: Future<Output = io::Result<S>>,
    W: Future,
{
    let mut race = Race { under_way: Vec::new(), wait: None };
    let mut addresses = in_turn(addresses).into_iter().peekable();
    poll_fn(|cx| {
        loop {
            if race.wait.is_none()
                && let Some(address) = addresses.next()
            {
                tried.begin(address);
                race.under_way.push((address, Box::pin(attempt(address))));
                race.wait = Some(Box::pin(wait()));
            }
            if let Some(stream) = race.poll_attempts(cx, tried) {
                return Poll::Ready(Some(stream));
            }
            if addresses.peek().is_none() {
                return if race.under_way.is_empty() { Poll::Ready(None) } else { Poll::Pending };
            }
            if race.poll_wait(cx).is_pending() {
                return Poll::Pending;
            }
        }
    })
    .await
}

struct Race<A, W> {
    under_way: Vec<(SocketAddr, Pin<Box<A>>)>,
    /// Until the next attempt.
    wait: Option<Pin<Box<W>>>,
}

impl<S, A: Future<Output = io::Result<S>>, W: Future> Race<A, W> {
    /// Returns the stream of an attempt that has succeeded. One that fails ends the wait.
    fn poll_attempts(&mut self, cx: &mut Context<'_>, tried: &mut Tried) -> Option<S> {
        let mut index = 0;
        while let Some((address, attempt)) = self.under_way.get_mut(index) {
            match attempt.as_mut().poll(cx) {
                Poll::Ready(Ok(stream)) => return Some(stream),
                Poll::Ready(Err(error)) => {
                    tried.failed(*address, error);
                    drop(self.under_way.remove(index));
                    self.wait = None;
                }
                Poll::Pending => index += 1,
            }
        }
        None
    }

    fn poll_wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(wait) = &mut self.wait else { return Poll::Ready(()) };
        wait.as_mut().poll(cx).map(|_| self.wait = None)
    }
}

#[cfg(test)]
#[cfg(feature = "tokio")]
mod tests {
    use alloc::vec;
    use core::future::pending;
    use core::time::Duration;

    use ::tokio::time::{Instant, sleep};

    use super::super::ALONE;
    use super::*;
    use crate::handshake::ClientRequest;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], 80))
    }

    fn tried() -> Tried {
        Tried::new(&ClientRequest::new("example.com", "/").unwrap())
    }

    /// How an address behaves, by its last number.
    async fn attempt(address: SocketAddr) -> io::Result<SocketAddr> {
        match address {
            SocketAddr::V4(v4) => match v4.ip().octets() {
                [.., 1] => pending().await,
                [.., 2] => Err(io::ErrorKind::ConnectionRefused.into()),
                [.., 3] => {
                    sleep(Duration::from_secs(2)).await;
                    Ok(address)
                }
                _ => Ok(address),
            },
            SocketAddr::V6(_) => pending().await,
        }
    }

    async fn raced(addresses: Vec<SocketAddr>) -> (Option<SocketAddr>, Duration) {
        let begin = Instant::now();
        let winner = race(&mut tried(), addresses, attempt, || sleep(ALONE)).await;
        (winner, begin.elapsed())
    }

    #[::tokio::test(start_paused = true)]
    async fn a_silent_address_costs_less_than_half_a_second() {
        let (winner, time) = raced(vec![address(1), address(4)]).await;
        assert_eq!(winner, Some(address(4)));
        assert!(time >= ALONE && time < Duration::from_millis(500), "{time:?}");
        // Of the families, the second is tried second.
        let six = |last| SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 80));
        let (winner, time) = raced(vec![six(1), six(2), six(3), address(4)]).await;
        assert_eq!(winner, Some(address(4)));
        assert!(time < Duration::from_millis(500), "{time:?}");
    }

    #[::tokio::test(start_paused = true)]
    async fn an_address_that_refuses_costs_nothing_and_a_slow_one_may_win() {
        let (winner, time) = raced(vec![address(2), address(2), address(4)]).await;
        assert_eq!((winner, time), (Some(address(4)), Duration::ZERO));
        let (winner, time) = raced(vec![address(3), address(1), address(2)]).await;
        assert_eq!((winner, time), (Some(address(3)), Duration::from_secs(2)));
        assert_eq!(raced(vec![address(2), address(2)]).await, (None, Duration::ZERO));
        assert_eq!(raced(vec![]).await, (None, Duration::ZERO));
    }
}
