//! Random numbers from a seed that is passed in: nobody can predict the next from those seen.

use sha2::{Digest, Sha256};

/// SHA-256 over a secret seed and a counter.
#[derive(Debug)]
pub struct Random {
    seed: [u8; 32],
    count: u64,
}

impl Random {
    /// From a seed of the operating system (or of a test).
    pub fn new(seed: [u8; 32]) -> Self {
        Random { seed, count: 0 }
    }

    /// A name for this broker, the same as long as it runs.
    pub fn name(&self) -> String {
        let digest = Sha256::new().chain_update(self.seed).chain_update(b"name").finalize();
        digest[..8].iter().map(|b| format!("{b:02x}")).collect()
    }

    /// 128 random bits in the form of a UUID, upper case, as mosquitto assigns ClientIds.
    pub fn uuid(&mut self) -> String {
        self.count += 1;
        let digest = Sha256::new().chain_update(self.seed).chain_update(self.count.to_le_bytes()).finalize();
        let hex: String = digest[..16].iter().map(|b| format!("{b:02X}")).collect();
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}
