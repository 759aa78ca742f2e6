//! What a process holds in memory, and what it has used of the processors.

use crate::Result;

/// Memory in MiB.
pub(crate) struct Memory {
    /// Resident: what the process has in memory, shared pages whole.
    pub(crate) resident: f64,
    /// The proportional set size: shared pages by the share.
    pub(crate) proportional: f64,
    /// The most that was ever resident.
    pub(crate) peak: f64,
}

impl Memory {
    /// Of a process, from `/proc`.
    pub(crate) fn of(pid: Option<u32>) -> Result<Self> {
        let pid = pid.ok_or("the process ended")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        Ok(Self {
            resident: mebioctets(&status, "VmRSS:")?,
            proportional: mebioctets(&rollup, "Pss:")?,
            peak: mebioctets(&status, "VmHWM:")?,
        })
    }
}

fn mebioctets(text: &str, field: &str) -> Result<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .ok_or(field)?;
    let kibioctets: f64 = line.trim().trim_end_matches(" kB").trim().parse()?;
    Ok(kibioctets / 1024.0)
}

/// How long a process has had a processor so far, in milliseconds. The system counts in hundredths of a second.
pub(crate) fn processor_time(pid: Option<u32>) -> Result<f64> {
    let pid = pid.ok_or("the process ended")?;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the name of the program, which may hold anything: state is field 3, utime 14, stime 15 (proc(5)).
    let fields: Vec<&str> = stat
        .rsplit_once(')')
        .ok_or("no name in /proc/PID/stat")?
        .1
        .split_whitespace()
        .collect();
    let ticks = |field: usize| -> Result<f64> { Ok(fields.get(field - 3).ok_or("too few fields")?.parse()?) };
    Ok((ticks(14)? + ticks(15)?) * 10.0)
}
