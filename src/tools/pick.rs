//! Which messages mqtt-sub takes, and what it does with them besides printing: `-R`, `-T`, `--retained-only`,
//! `--remove-retained`, `--random-filter`, `--message-rate`.

use std::collections::VecDeque;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use super::link::Link;
use super::output::Output;
use super::progress::Progress;
use crate::client::Outgoing;
use crate::options::SubscribeJob;
use crate::protocol::{Properties, Publish, QoS, topic};

/// What is to become of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It isn't meant: neither printed nor counted.
    Dropped,
    /// It counts, and isn't printed.
    Silent,
    /// It counts and is printed.
    Printed,
    /// It is the first that isn't retained, and `--retained-only` ends here.
    Last,
}

/// The state of picking.
pub struct Pick {
    dice: Option<Dice>,
    /// Topics whose retained message is to be cleared, in the order of arrival.
    to_clear: VecDeque<String>,
    /// How many messages were published that clear one.
    clearing: u64,
    progress: Progress,
    /// Messages of this second, and when it ends.
    rate: Option<(u64, Instant)>,
}

impl Pick {
    /// Nothing has come yet.
    ///
    /// # Errors
    /// The system's, when there are no random bytes for the dice.
    pub fn new(job: &SubscribeJob) -> io::Result<Self> {
        let rate = job.message_rate.then(|| (0, Instant::now() + SECOND));
        let dice = job.chance.map(Dice::new).transpose()?;
        Ok(Pick { dice, to_clear: VecDeque::new(), clearing: 0, progress: progress_of(job), rate })
    }

    /// Judges a message.
    pub fn judge(&mut self, job: &SubscribeJob, message: &Publish<'_>) -> Fate {
        if let Some((count, _)) = &mut self.rate {
            *count += 1;
            return Fate::Dropped;
        }
        if job.retained_only && !message.retain {
            return Fate::Last;
        }
        if message.retain && job.no_retained
            || job.filter_out.iter().any(|filter| topic::matches(filter, message.topic))
        {
            return Fate::Dropped;
        }
        let clears = job.remove_retained && !job.handling.dry_run;
        // What has cleared one comes back from the broker: no news, and nothing to clear once more.
        if clears && message.payload.is_empty() && (job.handling.end_of_retained || message.retain) {
            return Fate::Dropped;
        }
        if message.retain && clears {
            self.to_clear.push_back(message.topic.to_owned());
        }
        if self.dice.as_mut().is_none_or(Dice::falls_well) { Fate::Printed } else { Fate::Silent }
    }

    /// Publishes what clears retained messages, as much as may be under way.
    pub fn clear(&mut self, link: &mut Link) {
        while let Some(topic) = self.to_clear.front()
            && link.connection.has_room()
        {
            let (qos, properties) = (QoS::AtLeastOnce, Properties::EMPTY);
            let empty = Outgoing { topic, payload: &[], qos, retain: true, properties };
            // What the broker can't take at all, such as retained messages, would never go out.
            self.clearing += u64::from(link.connection.publish(&empty, &mut link.outbox).is_ok());
            self.to_clear.pop_front();
        }
        if self.progress.is_wanted() {
            self.progress.at(self.clearing.saturating_sub(link.connection.in_flight() as u64));
        }
    }

    /// Whether retained messages are still being cleared.
    pub fn is_clearing(&self, link: &Link) -> bool {
        !self.to_clear.is_empty() || link.connection.in_flight() > 0
    }

    /// When the next rate is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.rate.map(|(_, due)| due)
    }

    /// Prints the rate of the second that is over, if one is.
    pub fn tick(&mut self, output: &mut Output) {
        if let Some((count, due)) = &mut self.rate
            && *due <= Instant::now()
        {
            output.line(&format!("{count} msgs/s"));
            *count = 0;
            *due += SECOND;
        }
    }
}

/// A count of cleared messages, unless they are seen to be printed.
fn progress_of(job: &SubscribeJob) -> Progress {
    if !job.remove_retained || job.handling.dry_run || io::stdout().is_terminal() {
        return Progress::none();
    }
    Progress::of_cleared(&job.connection)
}

const SECOND: Duration = Duration::from_secs(1);

/// Decides by chance.
struct Dice {
    state: u64,
    chance: f64,
}

impl Dice {
    fn new(chance: f64) -> io::Result<Self> {
        let mut seed = [0; 8];
        getrandom::fill(&mut seed).map_err(io::Error::from)?;
        Ok(Dice { state: u64::from_ne_bytes(seed), chance })
    }

    /// Nothing secret hangs on it: a step of splitmix64, 53 bits of which make a number below 1.
    fn falls_well(&mut self) -> bool {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        ((mixed >> 11) as f64) < self.chance * (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_dice_are_fair() {
        for (chance, least, most) in [(1.0, 10_000, 10_000), (0.5, 4_500, 5_500), (0.01, 30, 250)] {
            let mut dice = Dice { state: 1, chance };
            let hits = (0..10_000).filter(|_| dice.falls_well()).count();
            assert!((least..=most).contains(&hits), "{chance}: {hits}");
        }
    }
}
