//! The messages that other implementations are asked to send back, by this crate's own client and
//! server over HTTP/2: the sizes, kinds, fragments and mixtures of the interop matrix.

use sanswire::extension::{DeflateConfig, Takeover};
use sanswire::handshake::ClientRequest;
use sanswire::io::hyper::connect_http2;
use sanswire::io::tokio::{NetStream, WebSocket};
use sanswire::{Config, Message, MessageKind};

use crate::random::Random;
use crate::support::{Kind, client_http2, ends, served, with};

const SIZES: [usize; 7] = [0, 1, 125, 126, 65_535, 65_536, 1 << 20];
const EMOJI: &str = "Grüße, 😀 👩‍👩‍👧 𝄞 and 日本語";

/// What the client offers.
fn offers() -> Vec<Option<DeflateConfig>> {
    let default = DeflateConfig::default;
    let mut offers = vec![None, Some(default()), Some(default().takeover(Takeover::Reset))];
    offers.push(Some(default().peer_takeover(Takeover::Reset)));
    for bits in [9, 12] {
        offers.push(Some(default().window_bits(bits)));
        offers.push(Some(default().peer_window_bits(bits)));
    }
    offers
}

async fn connect(offer: Option<&DeflateConfig>) -> WebSocket<NetStream> {
    let route = |request| {
        with(request, |upgrade| {
            let upgrade = upgrade.deflate(&DeflateConfig::default());
            let config = Config::default().max_message_size(32 << 20);
            Ok(upgrade.config(config).on_open(crate::support::echo_all))
        })
    };
    let mut send = client_http2(served(Kind::Auto, route)).await;
    let mut request = ClientRequest::new("localhost", "/").unwrap();
    if let Some(offer) = offer {
        request = request.deflate(offer);
    }
    let config = Config::default().max_message_size(32 << 20);
    let opened = connect_http2(&request, &config, |request| send.send_request(request));
    let socket = ends(opened).await.unwrap();
    assert_eq!(socket.connection().extensions().is_empty(), offer.is_none());
    socket
}

/// Bytes that do not shrink.
fn noise(random: &mut Random, size: usize) -> Vec<u8> {
    (0..size).map(|_| u8::try_from(random.below(256)).unwrap()).collect()
}

/// ASCII that shrinks, with matches near and far.
fn prose(random: &mut Random, size: usize) -> String {
    let words: Vec<_> = (0..400).map(|_| format!("{:x}", random.below(1 << 30))).collect();
    let mut text = String::new();
    while text.len() < size {
        text += &words[random.below(words.len())];
        text.push(' ');
    }
    text.truncate(size);
    text
}

/// Messages of both kinds and all sorts; some repeat what was sent long before.
fn mixture(random: &mut Random, count: usize) -> Vec<Message> {
    let mut messages: Vec<Message> = vec!["".into()];
    while messages.len() < count {
        let size = 1 << random.below(13);
        let size = random.below(size);
        messages.push(match random.below(5) {
            0 => noise(random, size).into(),
            1 => prose(random, size).into_bytes().into(),
            2 => prose(random, size).into(),
            3 => EMOJI.repeat(1 + size % 20).into(),
            _ => messages[random.below(messages.len())].clone(),
        });
    }
    messages
}

async fn comes_back(socket: &mut WebSocket<NetStream>, message: Message) {
    let sent = message.clone();
    ends(socket.send(sent)).await.unwrap();
    assert_eq!(ends(socket.recv()).await.unwrap().unwrap(), message);
}

/// Both at once, or the answers would fill every buffer between the two.
async fn all_come_back(socket: WebSocket<NetStream>, messages: Vec<Message>) {
    let (mut sender, mut receiver) = socket.split();
    let sent = messages.clone();
    let (sent, ()) = tokio::join!(
        async move {
            for message in sent {
                sender.feed(message).await?;
            }
            sender.flush().await.map(|()| sender)
        },
        async {
            for message in messages {
                assert_eq!(ends(receiver.recv()).await.unwrap().unwrap(), message);
            }
        }
    );
    let mut socket = sent.unwrap().reunite(receiver).unwrap();
    ends(socket.close(1000, "")).await.unwrap();
    assert!(socket.closed().unwrap().clean);
}

#[tokio::test]
async fn sizes_from_0_to_1_mib_and_emoji_come_back() {
    let mut random = Random::new(1);
    for offer in offers() {
        let mut socket = connect(offer.as_ref()).await;
        for size in SIZES {
            comes_back(&mut socket, noise(&mut random, size).into()).await;
            comes_back(&mut socket, prose(&mut random, size).into()).await;
            comes_back(&mut socket, ("é".repeat(size / 2) + &"x".repeat(size % 2)).into()).await;
        }
        comes_back(&mut socket, EMOJI.into()).await;
        comes_back(&mut socket, EMOJI.repeat(500).into()).await;
        ends(socket.close(1000, "")).await.unwrap();
    }
}

#[tokio::test]
async fn fragments_come_back_whole_with_pings_between_them() {
    let mut random = Random::new(2);
    let (data, text) = (noise(&mut random, 70_000), prose(&mut random, 70_000));
    let characters: Vec<_> = EMOJI.chars().map(String::from).collect();
    for offer in offers() {
        let mut socket = connect(offer.as_ref()).await;
        for (kind, pieces) in [
            (MessageKind::Text, vec![&b"one "[..], b"two ", b"three"]),
            (MessageKind::Text, vec![b"", b"", b""]),
            (MessageKind::Text, vec![b"", b"x", b""]),
            (MessageKind::Text, characters.iter().map(|piece| piece.as_bytes()).collect()),
            (MessageKind::Binary, vec![&data[..1], &data[1..126], &data[126..]]),
            (
                MessageKind::Text,
                vec![
                    &text.as_bytes()[..200],
                    &text.as_bytes()[200..66_000],
                    &text.as_bytes()[66_000..],
                ],
            ),
        ] {
            socket.begin(kind).unwrap();
            for piece in &pieces {
                ends(socket.send_chunk(piece)).await.unwrap();
                ends(socket.ping(b"between")).await.unwrap();
            }
            ends(socket.finish()).await.unwrap();
            let back = ends(socket.recv()).await.unwrap().unwrap();
            assert_eq!(back.kind(), kind);
            assert_eq!(back.into_bytes(), pieces.concat());
        }
        ends(socket.close(1000, "")).await.unwrap();
    }
}

#[tokio::test]
async fn five_hundred_random_messages_in_a_row_come_back_in_order() {
    let mut random = Random::new(3);
    for offer in offers() {
        let socket = connect(offer.as_ref()).await;
        all_come_back(socket, mixture(&mut random, 500)).await;
    }
}

#[tokio::test]
async fn messages_that_resemble_each_other_come_back_in_order() {
    for offer in offers() {
        let socket = connect(offer.as_ref()).await;
        let ticks = (0..200).map(|i| {
            let price = 100 + i * 37 % 11;
            let text = format!(
                r#"{{"type":"tick","number":{i},"price":{price},"venue":"somewhere far away"}}"#
            );
            Message::from(text)
        });
        all_come_back(socket, ticks.collect()).await;
    }
}

#[tokio::test]
async fn eight_mib_in_large_messages_come_back_in_order() {
    let mut random = Random::new(4);
    for offer in offers().into_iter().take(2) {
        let socket = connect(offer.as_ref()).await;
        let messages = (0..8).map(|i| match i % 2 {
            0 => noise(&mut random, 1 << 20).into(),
            _ => prose(&mut random, 1 << 20).into(),
        });
        all_come_back(socket, messages.collect()).await;
    }
}
