//! The peer on the tokio adapter: one task for each connection.

use sanswire::Error;
use sanswire::handshake::ClientRequest;
use sanswire::io::tokio::WebSocket;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::{ASK, FloodBy, Settings, decide, describe, react, report, say};

#[tokio::main]
pub(super) async fn serve(
    address: &str,
    settings: Settings,
) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(address).await?;
    say(0, format_args!("listening on {}", listener.local_addr()?));
    for number in 1.. {
        let ((stream, _), settings) = (listener.accept().await?, settings.clone());
        tokio::spawn(async move {
            report(number, converse(number, stream, &settings).await);
        });
    }
    Ok(())
}

async fn converse(number: u64, stream: TcpStream, settings: &Settings) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket =
        WebSocket::accept_with_limits(stream, &settings.head, &settings.config, async |request| {
            decide(request)
        })
        .await?;
    say(number, format_args!("open"));
    for message in settings.messages() {
        let sent = match settings.flood_by {
            FloodBy::Feed => socket.feed(message).await,
            FloodBy::Send => socket.send(message).await,
        };
        if let Err(error) = sent {
            say(number, format_args!("not sent {}", describe(&error)));
            break;
        }
    }
    while let Some(sent) =
        socket.recv_with(|event, commands| react(number, &event, commands)).await?
    {
        sent?;
    }
    Ok(())
}

#[tokio::main]
pub(super) async fn connect(url: &str, settings: &Settings) -> Result<(), Error> {
    let request = ClientRequest::from_url(url)?;
    let connector = settings.connector(&request);
    say(0, format_args!("connecting"));
    let mut socket = WebSocket::connect_via(&connector, &request, &settings.config).await?;
    say(0, format_args!("open"));
    let silent = async {
        while socket.recv().await?.is_some() {}
        Ok(())
    };
    if let Ok(ended) = timeout(settings.stay, silent).await {
        return ended;
    }
    socket.send(ASK).await?;
    if socket.recv().await?.is_some_and(|message| message.as_text() == Some(ASK)) {
        say(0, format_args!("echo"));
    }
    socket.close(1000, "").await
}
