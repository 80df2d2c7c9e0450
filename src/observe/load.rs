//! Load averages: how much of something there is a minute, as an average over the last 1, 5 and 15 minutes that
//! forgets exponentially.

/// The averages' names and their periods in seconds.
pub const PERIODS: [(&str, f64); 3] = [("1min", 60.0), ("5min", 300.0), ("15min", 900.0)];

/// One figure's three averages.
#[derive(Clone, Copy, Debug, Default)]
pub struct Load {
    last: u64,
    averages: [f64; 3],
}

impl Load {
    /// Takes in the counter's value after `seconds`; returns the averages.
    pub fn update(&mut self, count: u64, seconds: f64) -> [f64; 3] {
        if seconds > 0.0 {
            let rate = count.saturating_sub(self.last) as f64 * 60.0 / seconds;
            self.last = count;
            for (average, (_, period)) in self.averages.iter_mut().zip(PERIODS) {
                *average = rate + (-seconds / period).exp() * (*average - rate);
            }
        }
        self.averages
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_forget_at_their_own_pace() {
        let mut load = Load::default();
        assert_eq!(load.update(0, 10.0), [0.0; 3]);
        let [one, five, fifteen] = load.update(100, 60.0);
        // 100 a minute for a minute: 1 - 1/e of it, and less in the longer averages.
        assert!((one - 63.212).abs() < 0.001 && (five - 18.127).abs() < 0.001, "{one} {five}");
        assert!((fifteen - 6.449).abs() < 0.001, "{fifteen}");
        let mut last = one;
        for _ in 0..10 {
            let [now, ..] = load.update(100, 60.0);
            assert!(now < last);
            last = now;
        }
        assert!(last < 0.01);
        assert_eq!(load.update(100, 0.0)[0], last, "no time, no change");
    }
}
