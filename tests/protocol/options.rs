//! Options in one expression: each setter sets the field of its name and no other.

use core::num::{NonZeroU32, NonZeroU64, NonZeroUsize};
use core::time::Duration;

use sanswire::delivery::{Limits, Owner, Retention};
use sanswire::handshake::HeadLimits;
use sanswire::reconnect::{Policy, Retry};
use sanswire::{AfterClose, CloseReason, Config, PingWhen, PongMode, Reassembly, WhenFull};

const SECOND: Duration = Duration::from_secs(1);

/// Asserts that the setter of each field does what an assignment to the field does.
macro_rules! assert_sets {
    ($options:ty, $($field:ident = $value:expr),* $(,)?) => {
        $({
            let mut assigned = <$options>::default();
            assigned.$field = $value.into();
            let text = |options: &$options| format!("{options:?}");
            let (assigned, default) = (text(&assigned), text(&<$options>::default()));
            assert_ne!(assigned, default, "a test of {}", stringify!($field));
            let set = <$options>::default().$field($value);
            assert_eq!(text(&set), assigned, "{}", stringify!($field));
        })*
    };
}

#[test]
fn each_setter_sets_the_field_of_its_name() {
    assert_sets!(
        Config,
        max_message_size = 1_usize,
        max_frame_size = 1_usize,
        max_fragments = 1_u32,
        max_buffered = 1_usize,
        low_water = 1_usize,
        when_full = WhenFull::DropNewest,
        fragment_size = NonZeroUsize::MIN,
        reassembly = Reassembly::Chunks,
        pong = PongMode::Manual,
        close_reason = CloseReason::None,
        after_close = AfterClose::Deliver,
        ping_interval = SECOND,
        ping_when = PingWhen::Silent,
        pong_timeout = SECOND,
        write_timeout = SECOND,
        idle_timeout = SECOND,
        close_timeout = SECOND,
        message_timeout = SECOND,
        hold_timeout = SECOND,
    );
    assert_sets!(
        HeadLimits,
        max_start_line = 1_usize,
        max_headers = 1_usize,
        max_size = 1_usize,
        max_interim_responses = 1_usize,
        timeout = SECOND,
    );
    assert_sets!(
        Limits,
        max_messages = 1_usize,
        max_bytes = 1_usize,
        acknowledge_messages = NonZeroU64::MIN,
        acknowledge_bytes = 1_usize,
    );
    assert_sets!(
        Retention,
        max_sessions = 1_usize,
        max_user_sessions = 1_usize,
        max_absence = SECOND,
        owner = Owner::Latest,
        limits = Limits::default().max_messages(1),
    );
    assert_sets!(
        Policy,
        initial_delay = SECOND,
        max_delay = SECOND,
        max_attempts = NonZeroU32::MIN,
        max_outage = SECOND,
        stable_after = SECOND,
        normal_close = Retry::Later,
        max_retry_after = SECOND,
    );
}

#[cfg(feature = "deflate")]
#[test]
fn each_setter_of_compression_sets_the_field_of_its_name() {
    use sanswire::extension::{DeflateConfig, Takeover};

    assert_sets!(
        DeflateConfig,
        level = 1_u8,
        mem_level = 1_u8,
        window_bits = 9_u8,
        peer_window_bits = 9_u8,
        takeover = Takeover::Reset,
        peer_takeover = Takeover::Reset,
        threshold = 1_usize,
    );
}

#[cfg(feature = "tokio")]
#[test]
fn each_setter_of_a_client_that_comes_back_sets_the_field_of_its_name() {
    use sanswire::io::tokio::reconnecting::Options;

    assert_sets!(
        Options,
        policy = Policy::default().max_delay(SECOND),
        config = Config::default().max_buffered(1),
        attempt_timeout = SECOND,
        max_messages = 1_usize,
        max_bytes = 1_usize,
        delivery = Limits::default(),
        seed = [7; 32],
    );
}

#[test]
fn an_option_is_set_by_a_value_by_an_option_or_by_none() {
    let config = Config::default().ping_interval(SECOND);
    assert_eq!(config.ping_interval, Some(SECOND));
    assert_eq!(config.clone().ping_interval(Some(SECOND)), config);
    assert_eq!(config.ping_interval(None).ping_interval, None);
}
