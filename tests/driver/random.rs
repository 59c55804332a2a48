//! Random schedules of two drivers, with random faults, against a list of what was sent.

use core::num::NonZeroUsize;
use core::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use sanswire::{AfterClose, PingWhen, Reassembly};

use crate::app::{Answer, Close, Piece, Plan, binary, text};
use crate::hand::secs;
use crate::wire::{Fault, Op};
use crate::world::{Style, World};

/// Something that happens to one end, or to both.
#[derive(Clone, Debug)]
enum Happening {
    Accept(u8),
    Close,
    Fault(Op, Fault),
    Ping,
    /// Many bytes, as binary if so.
    Send(bool, u16),
    ShutDown,
    Stream(bool, u16, u8),
    Time(u16),
    /// Lets an end do what it can, so often.
    Turns(u8),
}

#[derive(Clone, Debug)]
struct Setup {
    capacity: usize,
    styles: [Style; 2],
    plans: [Options; 2],
}

#[derive(Clone, Debug)]
struct Options {
    is_narrow: bool,
    is_echoing: bool,
    is_chunked: bool,
    delivers: bool,
    is_silent: bool,
    fragment_size: Option<u8>,
    is_deflated: bool,
}

impl Options {
    fn plan(&self) -> Plan {
        let mut plan = Plan::new();
        let config = &mut plan.config;
        if self.is_narrow {
            (config.max_buffered, config.low_water) = (2_000, 500);
        }
        if self.is_chunked {
            config.reassembly = Reassembly::Chunks;
        }
        if self.delivers {
            config.after_close = AfterClose::Deliver;
        }
        if self.is_silent {
            config.ping_when = PingWhen::Silent;
            config.idle_timeout = Some(secs(50));
        }
        config.fragment_size =
            self.fragment_size.and_then(|size| NonZeroUsize::new(usize::from(size) + 20));
        plan.is_deflated = self.is_deflated;
        plan.echoes = self.is_echoing;
        plan.answer = Answer::Accept;
        plan
    }
}

fn options() -> impl Strategy<Value = Options> {
    let flags = any::<[bool; 4]>();
    (flags, prop::bool::weighted(0.3), prop::option::weighted(0.2, any::<u8>()), any::<bool>())
        .prop_map(|(flags, is_silent, fragment_size, is_deflated)| Options {
            is_narrow: flags[0],
            is_echoing: flags[1],
            is_chunked: flags[2],
            delivers: flags[3],
            is_silent,
            fragment_size,
            is_deflated,
        })
}

fn setups() -> impl Strategy<Value = Setup> {
    let style =
        || prop_oneof![Just(Style::Blocking), Just(Style::Completion), Just(Style::Readiness)];
    let capacity = prop_oneof![1 => 4..40_usize, 4 => 100..5_000_usize, 2 => Just(64 << 10)];
    (capacity, [style(), style()], [options(), options()]).prop_map(
        |(capacity, styles, mut plans)| {
            // Two ends that answer answers go on forever.
            plans[0].is_echoing &= !plans[1].is_echoing;
            Setup { capacity, styles, plans }
        },
    )
}

fn happenings() -> impl Strategy<Value = Happening> {
    let op = prop_oneof![
        1 => Just(Op::Flush),
        3 => Just(Op::Read),
        1 => Just(Op::Shutdown),
        3 => Just(Op::Write),
    ];
    let fault = prop_oneof![
        6 => Just(Fault::Block),
        1 => Just(Fault::End),
        1 => Just(Fault::Error),
        3 => Just(Fault::Interrupt),
        4 => (1..40_usize).prop_map(Fault::Short),
        2 => Just(Fault::Short(usize::MAX)),
    ];
    let len = prop_oneof![3 => 0..130_u16, 1 => 0..2_000_u16];
    prop_oneof![
        1 => any::<u8>().prop_map(Happening::Accept),
        1 => Just(Happening::Close),
        4 => (op, fault).prop_map(|(op, fault)| Happening::Fault(op, fault)),
        1 => Just(Happening::Ping),
        6 => (any::<bool>(), len.clone()).prop_map(|(is_binary, len)| Happening::Send(is_binary, len)),
        1 => Just(Happening::ShutDown),
        2 => (any::<bool>(), len, any::<u8>())
            .prop_map(|(is_binary, len, size)| Happening::Stream(is_binary, len, size)),
        2 => prop_oneof![0..200_u16, 0..30_000_u16].prop_map(Happening::Time),
        12 => (0..20_u8).prop_map(Happening::Turns),
    ]
}

fn happen(world: &mut World, at: usize, happening: &Happening, number: usize) {
    let now = world.now;
    let end = &mut world.ends[at];
    let message = |is_binary, len: u16| match is_binary {
        true => binary(number, len.into()),
        false => text(number, len.into()),
    };
    match *happening {
        Happening::Accept(later) => {
            end.app.plan.answer = Answer::AcceptAt(now + secs(later.into()) / 100);
        }
        Happening::Close => end.app.plan.close = Close::At(now),
        Happening::Fault(op, fault) => end.stream.fail_next(op, fault),
        Happening::Ping => end.app.push(Piece::Ping),
        Happening::Send(is_binary, len) => {
            end.app.push(Piece::Message(message(is_binary, len)));
        }
        Happening::ShutDown => end.app.plan.close = Close::ShutDownAt(now),
        Happening::Stream(is_binary, len, size) => {
            let size = usize::from(size) * 4 + 1;
            end.app.push(Piece::Stream(message(is_binary, len), size));
        }
        Happening::Time(millis) => {
            let until = now + Duration::from_millis(millis.into());
            while world.ends.iter().any(|end| end.result.is_none()) {
                if !world.step() && !world.pass_before(until) {
                    break;
                }
            }
            world.now = world.now.max(until);
            return;
        }
        Happening::Turns(count) => {
            for _ in 0..count {
                world.turn(at);
            }
            return;
        }
    }
    end.poke();
}

/// So many cases, or in proportion to `PROPTEST_CASES`.
fn cases(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    ProptestConfig { cases: cases * default.cases / 256, ..default }
}

proptest! {
    #![proptest_config(cases(3_000))]

    #[test]
    fn whatever_happens_messages_arrive_in_order_and_both_ends_end(
        setup in setups(),
        plan in vec((0..2_usize, happenings()), 0..60),
    ) {
        let plans = setup.plans.each_ref().map(Options::plan);
        let mut world = World::new(&plans[0], &plans[1], setup.styles, setup.capacity);
        for (number, (at, happening)) in plan.iter().enumerate() {
            happen(&mut world, *at, happening, number);
            world.check(0, 1);
            world.check(1, 0);
        }
        // In a pipe of few bytes, two blocking ends that write wait for each other at each.
        let is_sound = setup.capacity >= 100 && plan.iter().all(|(_, happening)| match happening {
            Happening::Fault(_, fault) => !matches!(fault, Fault::End | Fault::Error),
            Happening::Accept(_) | Happening::Close | Happening::ShutDown => false,
            Happening::Time(_) => false,
            Happening::Ping | Happening::Send(..) | Happening::Stream(..) | Happening::Turns(_) => true,
        });
        if is_sound {
            // All that was sent arrives, before anybody closes.
            world.settle();
            for [near, far] in [[0, 1], [1, 0]] {
                prop_assert_eq!(world.ends[near].app.got.len(), world.ends[far].app.sent.len());
                prop_assert!(world.ends[near].app.is_done());
            }
        }
        let now = world.now;
        for end in &mut world.ends {
            if !matches!(end.app.plan.close, Close::At(_) | Close::ShutDownAt(_)) {
                end.app.plan.close = Close::ShutDownAt(now);
            }
            end.poke();
        }
        world.run();
        if is_sound {
            for end in &world.ends {
                prop_assert!(end.result.as_ref().unwrap().as_ref().is_ok_and(|closed| closed.clean));
            }
        }
    }
}
