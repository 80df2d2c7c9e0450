//! What a process has used: processor time and memory, from /proc.

use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

/// Nanoseconds in which this process watched its sockets and nothing came.
static IDLE: AtomicU64 = AtomicU64::new(0);

/// Notes that nothing came for so long, though the processor was busy looking.
pub fn add_idle(time: Duration) {
    IDLE.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
}

/// Processor seconds that this process has worked so far: all but those it looked for work in vain.
pub fn own_seconds() -> Result<f64> {
    Ok(cpu_seconds(std::process::id())? - IDLE.load(Ordering::Relaxed) as f64 / 1e9)
}

/// Processor seconds of a process so far, all its threads.
pub fn cpu_seconds(pid: u32) -> Result<f64> {
    match scheduled_seconds(pid) {
        Some(seconds) => Ok(seconds),
        None => stat_seconds(pid),
    }
}

/// From the scheduler: to the nanosecond, of the threads that live.
fn scheduled_seconds(pid: u32) -> Option<f64> {
    let mut sum = 0.0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()? {
        let text = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
        sum += text.split_whitespace().next()?.parse::<f64>().ok()? / 1e9;
    }
    Some(sum)
}

/// In ticks of a hundredth of a second, where the kernel counts no better.
fn stat_seconds(pid: u32) -> Result<f64> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    // The program's name may hold blanks; what follows it can't hold a parenthesis.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut times = fields.split_whitespace().skip(11);
    let mut ticks = || times.next().and_then(|field| field.parse::<f64>().ok()).with_context(|| path.clone());
    Ok((ticks()? + ticks()?) / rustix::param::clock_ticks_per_second() as f64)
}

/// Bytes of a process in memory now.
pub fn resident_bytes(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let text = fs::read_to_string(&path).with_context(|| path.clone())?;
    let field = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).with_context(|| path.clone())?;
    let kibibytes: u64 = field.trim().trim_end_matches(" kB").parse().context(path)?;
    Ok(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    #[test]
    fn of_this_process() {
        let pid = std::process::id();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        while super::cpu_seconds(pid).unwrap() == 0.0 {
            assert!(std::time::Instant::now() < deadline, "ten seconds of work are nothing");
        }
        assert!(super::stat_seconds(pid).unwrap() >= 0.0);
        assert!(super::resident_bytes(pid).unwrap() > 100_000);
    }
}
