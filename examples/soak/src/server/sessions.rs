//! Sessions of clients that come back, and connections that the server breaks.

use std::net::Shutdown;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rand::RngExt;
use sanswire::CloseCode;
use sanswire::delivery::{
    Attachment, DeliveryError, Denied, Hello, Retention, SessionEvent, SessionId, Sessions,
};
use socket2::SockRef;

use super::Socket;

/// All clients are one user: nobody attacks them here.
pub(super) struct Kept {
    sessions: Mutex<Sessions<()>>,
    began: Instant,
}

impl Default for Kept {
    fn default() -> Self {
        let retention = Retention::default().max_user_sessions(1024).max_absence(ABSENCE);
        Self { sessions: Mutex::new(Sessions::new(retention)), began: Instant::now() }
    }
}

impl Kept {
    /// Sends each message back, and breaks the connection after some of them.
    pub(super) async fn serve(&self, mut socket: Socket) -> Result<(), sanswire::Error> {
        let Some(first) = socket.recv().await? else { return Ok(()) };
        let hello = Hello::parse(&first).map_err(DeliveryError::close_code);
        let attached = match hello.and_then(|hello| self.attach(&hello)) {
            Ok(attachment) => Attached { kept: self, attachment },
            Err(code) => return socket.close(code, "").await,
        };
        let mut left = rand::rng().random_range(5..50);
        let mut message = Some(first);
        while let Some(received) = message.take().filter(|_| left > 0) {
            left -= 1;
            if let Err(code) = self.advance(&mut socket, &attached, received) {
                return socket.close(code, "").await;
            }
            message = socket.recv().await?;
        }
        // Without a Close frame: the server would send one when this returns.
        if left == 0
            && let Some(tcp) = socket.stream().tcp()
        {
            SockRef::from(tcp).shutdown(Shutdown::Both)?;
        }
        Ok(())
    }

    fn attach(&self, hello: &Hello) -> Result<Attachment, CloseCode> {
        let new = SessionId::new(rand::rng().random()).ok_or(CloseCode::INTERNAL_ERROR)?;
        let mut sessions = self.sessions();
        sessions.handle_timeout(self.began.elapsed());
        sessions.attach((), hello, new, self.began.elapsed()).map_err(Denied::close_code)
    }

    fn advance(
        &self,
        socket: &mut Socket,
        attached: &Attached<'_>,
        received: sanswire::Message,
    ) -> Result<(), CloseCode> {
        let mut sessions = self.sessions();
        // The client may have come back on another connection.
        let session = sessions.get(attached.attachment).ok_or(CloseCode::GOING_AWAY)?;
        let event = session.handle_message(received).map_err(DeliveryError::close_code)?;
        if let Some(SessionEvent::Message(message)) = event {
            session.send(message).map_err(|_| CloseCode::POLICY_VIOLATION)?;
        }
        session.acknowledge();
        session.transmit(&mut socket.commands()).map_err(|_| CloseCode::GOING_AWAY)
    }

    fn sessions(&self) -> MutexGuard<'_, Sessions<()>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection's claim on its session.
struct Attached<'a> {
    kept: &'a Kept,
    attachment: Attachment,
}

impl Drop for Attached<'_> {
    fn drop(&mut self) {
        self.kept.sessions().detach(self.attachment, self.kept.began.elapsed());
    }
}

/// How long a client may stay away, which comes back within a second.
const ABSENCE: Duration = Duration::from_secs(10);
