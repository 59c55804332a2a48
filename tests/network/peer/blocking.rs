//! The peer on the blocking adapter: one thread for each connection.

use std::net::{TcpListener, TcpStream};
use std::thread;

use sanswire::Error;
use sanswire::handshake::ClientRequest;
use sanswire::io::blocking::WebSocket;

use super::{ASK, FloodBy, Settings, decide, describe, react, report, say};

pub(super) fn serve(address: &str, settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    let listener = TcpListener::bind(address)?;
    say(0, format_args!("listening on {}", listener.local_addr()?));
    for number in 1.. {
        let ((stream, _), settings) = (listener.accept()?, settings.clone());
        thread::Builder::new()
            .spawn(move || report(number, converse(number, stream, &settings)))?;
    }
    Ok(())
}

fn converse(number: u64, stream: TcpStream, settings: &Settings) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    let mut socket =
        WebSocket::accept_with_limits(stream, &settings.head, &settings.config, decide)?;
    say(number, format_args!("open"));
    for message in settings.messages() {
        let sent = match settings.flood_by {
            FloodBy::Feed => socket.feed(message),
            FloodBy::Send => socket.send(message),
        };
        if let Err(error) = sent {
            say(number, format_args!("not sent {}", describe(&error)));
            break;
        }
    }
    while let Some(sent) = socket.recv_with(|event, commands| react(number, &event, commands))? {
        sent?;
    }
    Ok(())
}

pub(super) fn connect(url: &str, settings: &Settings) -> Result<(), Error> {
    let request = ClientRequest::from_url(url)?;
    let connector = settings.connector(&request);
    say(0, format_args!("connecting"));
    let mut socket = WebSocket::connect_via(&connector, &request, &settings.config)?;
    say(0, format_args!("open"));
    socket.set_read_timeout(Some(settings.stay));
    loop {
        match socket.recv() {
            Ok(Some(_)) => {}
            Err(Error::Timeout(_)) => break,
            ended => return ended.map(|_| ()),
        }
    }
    socket.set_read_timeout(None);
    socket.send(ASK)?;
    if socket.recv()?.is_some_and(|message| message.as_text() == Some(ASK)) {
        say(0, format_args!("echo"));
    }
    socket.close(1000, "")
}
