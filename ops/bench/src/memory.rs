//! What a process holds in memory.

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
