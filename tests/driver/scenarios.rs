//! Whole connections: how they go by themselves, and with a fault at every operation.

use core::num::NonZeroUsize;
use core::time::Duration;

use sanswire::driver::DriverError;
use sanswire::handshake::HandshakeError;
use sanswire::{AfterClose, Reassembly};

use crate::app::{Answer, Close, Piece, Plan, binary, text};
use crate::hand::secs;
use crate::wire::{Fault, OPS, Op};
use crate::world::{Style, World};

struct Scenario {
    client: Plan,
    server: Plan,
    capacity: usize,
    /// Whether what is got and how it ends does not depend on which end is faster.
    is_certain: bool,
    /// How many bytes at once, when they are few.
    short: usize,
}

impl Scenario {
    fn new(change: impl FnOnce(&mut Plan, &mut Plan)) -> Self {
        let (mut client, mut server) = (Plan::new(), Plan::new());
        change(&mut client, &mut server);
        Self { client, server, capacity: 8 << 10, is_certain: true, short: 1 }
    }

    fn world(&self, styles: [Style; 2]) -> World {
        World::new(&self.client, &self.server, styles, self.capacity)
    }

    /// Runs it in all styles without faults.
    fn run(&self, check: impl Fn(&World)) {
        for styles in STYLES {
            let mut world = self.world(styles);
            world.run();
            check(&world);
        }
    }

    /// Runs it with each fault at each operation, or at `most` of each kind.
    fn run_with_faults(&self, most: usize) {
        for styles in &STYLES[..3] {
            let styles = *styles;
            let mut sound = self.world(styles);
            sound.run();
            for (end, op) in [0, 1].into_iter().flat_map(|end| OPS.map(|op| (end, op))) {
                let count = sound.ends[end].stream.done(op);
                for fault in [Fault::Block, Fault::End, Fault::Error, Fault::Interrupt] {
                    for at in (0..count).step_by(count.div_ceil(most).max(1)) {
                        self.run_with(&sound, styles, (end, op, at, fault));
                    }
                }
                // One that lasts does not need to begin everywhere.
                for at in (0..count).step_by(count.div_ceil(3).max(1)) {
                    self.run_with(&sound, styles, (end, op, at, Fault::Short(self.short)));
                }
            }
        }
    }

    fn run_with(
        &self,
        sound: &World,
        styles: [Style; 2],
        (end, op, at, fault): (usize, Op, usize, Fault),
    ) {
        let mut world = self.world(styles);
        world.ends[end].stream.faults.push((op, at, fault));
        let _note = Note(format!("{styles:?}: {fault:?} at {op:?} {at} of end {end}"));
        world.run();
        self.compare(sound, &world, fault);
    }

    /// A fault that passes changes nothing.
    fn compare(&self, sound: &World, world: &World, fault: Fault) {
        let passes = match fault {
            Fault::Block | Fault::Interrupt | Fault::Short(_) => true,
            Fault::End | Fault::Error => false,
        };
        if !passes || !self.is_certain {
            return;
        }
        for (sound, end) in sound.ends.iter().zip(&world.ends) {
            assert_eq!(sound.result, end.result);
            assert!(sound.app.got == end.app.got && sound.app.sent == end.app.sent);
        }
    }
}

/// Says which case it was when a test fails.
struct Note(String);

impl Drop for Note {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("with {}", self.0);
        }
    }
}

/// Both ends of each kind, and each kind with a fault at either end, in the first three.
const STYLES: [[Style; 2]; 6] = [
    [Style::Readiness, Style::Blocking],
    [Style::Blocking, Style::Completion],
    [Style::Completion, Style::Readiness],
    [Style::Readiness, Style::Readiness],
    [Style::Blocking, Style::Blocking],
    [Style::Completion, Style::Completion],
];

#[track_caller]
fn assert_clean(world: &World, got: [usize; 2]) {
    for (end, got) in world.ends.iter().zip(got) {
        let closed = end.result.as_ref().unwrap().as_ref().unwrap();
        assert!(closed.clean, "{closed:?}");
        assert_eq!(end.app.got.len(), got);
    }
}

fn small() -> Scenario {
    Scenario::new(|client, server| {
        client.sends = (0..20)
            .map(|at| Piece::Message(if at % 2 == 0 { text(at, at * 10) } else { binary(at, 60) }))
            .collect();
        client.sends.push(Piece::Ping);
        server.echoes = true;
        client.close = Close::Behind(20);
    })
}

fn large(len: usize) -> Scenario {
    let scenario = Scenario::new(|client, server| {
        client.sends = vec![Piece::Message(binary(1, len)), Piece::Message(text(2, len))];
        server.sends = vec![Piece::Message(text(3, len)), Piece::Message(binary(4, len))];
        client.close = Close::Behind(2);
        // The close must not overtake what the server waits for.
        client.config.after_close = AfterClose::Deliver;
    });
    Scenario { short: 997, capacity: 64 << 10, ..scenario }
}

fn fragments() -> Scenario {
    let scenario = Scenario::new(|client, server| {
        for (plan, far) in [(&mut *client, 0), (&mut *server, 10)] {
            plan.config.fragment_size = NonZeroUsize::new(90);
            plan.sends = (far..far + 4).map(|at| Piece::Message(text(at, 600))).collect();
        }
        server.close = Close::Behind(4);
        server.config.after_close = AfterClose::Deliver;
        client.sends.insert(2, Piece::Ping);
    });
    // What is not framed when the peer closes is dropped.
    Scenario { is_certain: false, ..scenario }
}

fn streaming() -> Scenario {
    Scenario::new(|client, server| {
        client.config.reassembly = Reassembly::Chunks;
        server.config.reassembly = Reassembly::Chunks;
        client.sends = vec![Piece::Stream(text(1, 1_000), 70), Piece::Message(binary(2, 500))];
        server.sends = vec![Piece::Stream(binary(3, 1_000), 300)];
        server.echoes = true;
        client.close = Close::Behind(3);
    })
}

fn simultaneous() -> Scenario {
    let scenario = Scenario::new(|client, server| {
        for plan in [client, server] {
            plan.sends = vec![Piece::Message(text(1, 10))];
            plan.close = Close::At(secs(1));
        }
    });
    Scenario { is_certain: false, ..scenario }
}

fn closed_by_server() -> Scenario {
    Scenario::new(|client, server| {
        client.sends = vec![Piece::Message(text(1, 10))];
        server.sends = vec![Piece::Message(text(2, 10)), Piece::Message(binary(3, 500))];
        server.close = Close::Behind(1);
    })
}

/// The client sends a lot and reads nothing for some time, while all of it is echoed.
fn flood() -> Scenario {
    let scenario = Scenario::new(|client, server| {
        for plan in [&mut *client, &mut *server] {
            plan.config.max_buffered = 16 << 10;
            plan.config.low_water = 4 << 10;
        }
        client.sends = (0..400).map(|at| Piece::Message(binary(at, 1_000))).collect();
        client.deaf_until = secs(15);
        client.close = Close::Behind(400);
        server.echoes = true;
    });
    Scenario { short: 251, ..scenario }
}

fn heartbeats() -> Scenario {
    Scenario::new(|client, server| {
        client.close = Close::At(secs(130));
        client.sends = vec![Piece::Message(text(1, 10))];
        server.echoes = true;
    })
}

#[cfg(feature = "deflate")]
fn deflated(mut scenario: Scenario) -> Scenario {
    scenario.client.is_deflated = true;
    scenario.server.is_deflated = true;
    scenario
}

#[test]
fn small_messages_are_echoed() {
    small().run(|world| {
        assert_clean(world, [20, 20]);
        assert_eq!(world.ends[0].app.pongs, 1);
        assert!(world.now < secs(1), "{:?}", world.now);
    });
}

#[test]
fn small_messages_survive_faults() {
    small().run_with_faults(100);
}

#[test]
fn a_mebibyte_goes_both_ways() {
    large(1 << 20).run(|world| {
        assert_eq!(world.ends[0].app.got.len(), 2);
        assert_clean(world, [2, 2]);
    });
}

#[test]
fn large_messages_survive_faults() {
    large(150 << 10).run_with_faults(4);
}

#[test]
fn fragments_go_both_ways() {
    fragments().run(|world| assert!(world.ends[1].app.got.len() == 4));
}

#[test]
fn fragments_survive_faults() {
    fragments().run_with_faults(20);
}

#[test]
fn chunks_go_both_ways() {
    streaming().run(|world| assert_clean(world, [3, 2]));
}

#[test]
fn chunks_survive_faults() {
    streaming().run_with_faults(20);
}

#[cfg(feature = "deflate")]
#[test]
fn compressed_messages_survive_faults() {
    deflated(small()).run(|world| {
        assert_clean(world, [20, 20]);
        assert!(world.ends[0].driver.connection().extensions().contains("deflate"));
    });
    deflated(small()).run_with_faults(12);
    deflated(streaming()).run(|world| assert_clean(world, [3, 2]));
    deflated(large(100 << 10)).run(|world| assert_clean(world, [2, 2]));
}

#[test]
fn both_may_close_at_once() {
    simultaneous().run(|world| assert_clean(world, [1, 1]));
    simultaneous().run_with_faults(100);
}

#[test]
fn the_server_may_close() {
    closed_by_server().run(|world| {
        assert_clean(world, [2, 1]);
        assert!(world.now < secs(1), "{:?}", world.now);
    });
    closed_by_server().run_with_faults(100);
}

#[test]
fn an_idle_connection_is_kept_by_heartbeats() {
    heartbeats().run(|world| {
        assert_clean(world, [1, 1]);
        assert!(world.now < secs(131));
        for end in &world.ends {
            assert!((5..=7).contains(&end.app.pongs), "{}", end.app.pongs);
            assert!(end.driver.connection().round_trip_time().is_some());
        }
    });
    heartbeats().run_with_faults(20);
}

#[test]
fn a_peer_that_floods_and_does_not_read_is_held_back_and_loses_nothing() {
    flood().run(|world| {
        assert_clean(world, [400, 400]);
        let [client, server] = &world.ends;
        assert!(client.app.most_buffered <= 17 << 10, "{}", client.app.most_buffered);
        assert!(server.app.most_buffered <= 17 << 10, "{}", server.app.most_buffered);
        assert!(server.most_unread <= (64 + 16) << 10, "{}", server.most_unread);
        assert!(world.now < secs(20), "{:?}", world.now);
    });
}

#[test]
fn a_flood_survives_faults() {
    flood().run_with_faults(3);
}

#[test]
fn two_ends_that_keep_their_outputs_full_do_not_wait_for_each_other() {
    let scenario = Scenario::new(|client, server| {
        for plan in [client, server] {
            plan.config.max_buffered = 16 << 10;
            plan.config.low_water = 4 << 10;
            plan.sends = (0..500).map(|at| Piece::Message(binary(at, 1_000))).collect();
            plan.close = Close::Behind(500);
            plan.config.after_close = AfterClose::Deliver;
        }
    });
    scenario.run(|world| {
        assert_clean(world, [500, 500]);
        assert!(world.now < secs(10), "{:?}", world.now);
    });
}

#[test]
fn a_request_may_be_accepted_late() {
    let scenario = Scenario::new(|client, server| {
        (client.limits.timeout, server.limits.timeout) = (None, Some(secs(200)));
        server.answer = Answer::AcceptAt(secs(100));
        server.config.idle_timeout = Some(secs(30));
        client.sends = vec![Piece::Message(text(1, 10))];
        server.echoes = true;
        client.close = Close::Behind(1);
    });
    scenario.run(|world| {
        assert_clean(world, [1, 1]);
        assert!(world.now < secs(101));
    });
    scenario.run_with_faults(100);
}

#[test]
fn a_request_may_be_rejected() {
    let scenario = Scenario::new(|_, server| server.answer = Answer::Reject(403));
    scenario.run(|world| {
        let [client, server] = &world.ends;
        let Some(Err(DriverError::Handshake {
            error: HandshakeError::UnexpectedStatus(response),
            ..
        })) = &client.result
        else {
            panic!("{:?}", client.result)
        };
        assert_eq!((response.status(), &response.content()[..]), (403, &b"no"[..]));
        assert_eq!(server.result, Some(Err(DriverError::Rejected { status: 403 })));
        assert!(world.now < secs(1));
    });
    scenario.run_with_faults(100);
}

#[test]
fn an_acceptance_may_be_wrong() {
    let scenario = Scenario::new(|_, server| server.answer = Answer::AcceptUnoffered);
    scenario.run(|world| {
        let [client, server] = &world.ends;
        let Some(Err(DriverError::Handshake {
            error: HandshakeError::UnexpectedStatus(response),
            ..
        })) = &client.result
        else {
            panic!("{:?}", client.result)
        };
        assert_eq!(response.status(), 500);
        let error = HandshakeError::UnofferedSubprotocol("chat".into());
        assert_eq!(server.result, Some(Err(DriverError::from(error))));
    });
    scenario.run_with_faults(100);
}

#[test]
fn a_request_may_be_too_large() {
    let scenario = Scenario::new(|_, server| server.limits.max_size = 80);
    scenario.run(|world| {
        let [client, server] = &world.ends;
        let Some(Err(DriverError::Handshake {
            error: HandshakeError::UnexpectedStatus(response),
            ..
        })) = &client.result
        else {
            panic!("{:?}", client.result)
        };
        assert_eq!(response.status(), 431);
        assert!(matches!(server.result, Some(Err(DriverError::Handshake { .. }))));
        assert!(world.now < secs(1), "{:?}", world.now);
    });
    scenario.run_with_faults(100);
}

#[test]
fn a_response_may_be_wrong() {
    let scenario = Scenario::new(|_, server| server.answer = Answer::AcceptForeign);
    scenario.run(|world| {
        let [client, server] = &world.ends;
        let Some(Err(DriverError::Handshake { error, url })) = &client.result else {
            panic!("{:?}", client.result)
        };
        let HandshakeError::InvalidHeader(header) = error else { panic!("{error}") };
        assert_eq!(header.name, "Sec-WebSocket-Accept");
        assert_eq!(url.as_deref(), Some("ws://server.example.com/chat"));
        assert!(matches!(server.result, Some(Err(DriverError::Connection(_)))));
        assert!(world.now < secs(1), "{:?}", world.now);
    });
    scenario.run_with_faults(100);
}

#[test]
fn a_server_may_be_shut_down_at_any_time() {
    for millis in [0, 1, 500, 1_500] {
        let scenario = Scenario::new(|client, server| {
            client.sends = (0..10).map(|at| Piece::Message(binary(at, 200))).collect();
            server.answer = Answer::AcceptAt(secs(1));
            server.echoes = true;
            server.close = Close::ShutDownAt(Duration::from_millis(millis));
        });
        let scenario = Scenario { is_certain: false, ..scenario };
        scenario.run(|world| {
            assert!(world.now < secs(20), "{:?}", world.now);
            if millis > 1_000 {
                assert_eq!(
                    world.ends[0].result.as_ref().unwrap().as_ref().unwrap().code.as_u16(),
                    1001
                );
            }
        });
        scenario.run_with_faults(20);
    }
}

#[test]
fn a_client_may_be_shut_down_at_any_time() {
    for millis in [0, 1, 500, 1_500] {
        let scenario = Scenario::new(|client, server| {
            client.sends = (0..10).map(|at| Piece::Message(binary(at, 200))).collect();
            client.close = Close::ShutDownAt(Duration::from_millis(millis));
            server.answer = Answer::AcceptAt(secs(1));
            server.echoes = true;
        });
        let scenario = Scenario { is_certain: false, ..scenario };
        scenario.run(|world| assert!(world.now < secs(20), "{:?}", world.now));
        scenario.run_with_faults(20);
    }
}
