//! The peer on the futures-io adapter, which is a client and no more.

use sanswire::Error;
use sanswire::handshake::ClientRequest;
use sanswire::io::futures_io::WebSocket;
use smol::Timer;
use smol::future::or;

use super::{ASK, Settings, say};

pub(super) fn connect(url: &str, settings: &Settings) -> Result<(), Error> {
    let request = ClientRequest::from_url(url)?;
    let connector = settings.connector(&request);
    smol::block_on(async {
        say(0, format_args!("connecting"));
        let mut socket = WebSocket::connect_via(&connector, &request, &settings.config).await?;
        say(0, format_args!("open"));
        let silent = async {
            while socket.recv().await?.is_some() {}
            Ok(true)
        };
        let stay = async {
            Timer::after(settings.stay).await;
            Ok::<_, Error>(false)
        };
        if or(silent, stay).await? {
            return Ok(());
        }
        socket.send(ASK).await?;
        if socket.recv().await?.is_some_and(|message| message.as_text() == Some(ASK)) {
            say(0, format_args!("echo"));
        }
        socket.close(1000, "").await
    })
}
