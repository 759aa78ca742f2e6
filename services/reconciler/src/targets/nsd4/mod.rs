//! NSD: zones come and go by `addzones` and `delzones` on its control channel, as lists.
//!
//! Where a zone is transferred from, with which key, and who may send NOTIFY, is said by a pattern in the server's own
//! nsd.conf; the option `pattern` names it. NSD keeps the list of such zones in its `zonelistfile`. The file of a removed
//! zone stays in its folder: the channel has no word for it.

mod control;
mod forced;
pub(crate) mod options;
mod status;
mod tls;

use std::collections::HashMap;
use std::time::Duration;

use zonelog_dns::ZoneName;

use super::ZoneSpec;
use super::batch::{Bulk, Done, Order};
use status::ZoneStatus;

pub use control::Nsd4Channel;
pub use tls::Identity;

/// How an NSD server is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nsd4Config {
    /// Where, and as whom.
    pub channel: Nsd4Channel,
    /// The pattern of the zones.
    pub pattern: String,
    /// How long to wait for an answer.
    pub timeout: Duration,
}

/// An NSD server.
#[derive(Debug)]
pub(super) struct Nsd4 {
    config: Nsd4Config,
}

/// How it went with one line of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    /// Done just now.
    Done,
    /// It was so already.
    Already,
    /// Refused, with NSD's reason.
    Refused(String),
}

impl Nsd4 {
    pub(super) fn new(config: &Nsd4Config) -> Self {
        Self {
            config: config.clone(),
        }
    }

    /// Adds zones; one that NSD has already, but that does not follow, is renewed.
    async fn ensure(&self, zones: &[&ZoneSpec]) -> Vec<Done> {
        let pattern = &self.config.pattern;
        let lines = zones.iter().map(|zone| format!("{} {pattern}", bare(&zone.name)));
        let added = match self.list("addzones", lines.collect()).await {
            Ok(added) => added,
            Err(reason) => return vec![Err(reason); zones.len()],
        };
        let mut done = Vec::with_capacity(zones.len());
        for zone in zones {
            done.push(match added.get(&bare(&zone.name)) {
                Some(Line::Already) if zone.renew => self.renew(&zone.name).await,
                Some(Line::Done | Line::Already) => Ok(()),
                Some(Line::Refused(reason)) => Err(self.refused("addzone", &zone.name, reason)),
                None => Err(self.refused("addzone", &zone.name, "it said nothing of this zone")),
            });
        }
        done
    }

    async fn remove(&self, zones: &[&ZoneName]) -> Vec<Done> {
        let lines = zones.iter().map(|zone| bare(zone)).collect();
        let removed = match self.list("delzones", lines).await {
            Ok(removed) => removed,
            Err(reason) => return vec![Err(reason); zones.len()],
        };
        let answer = |zone: &&ZoneName| match removed.get(&bare(zone)) {
            Some(Line::Done | Line::Already) => Ok(()),
            Some(Line::Refused(reason)) => Err(self.refused("delzone", zone, reason)),
            None => Err(self.refused("delzone", zone, "it said nothing of this zone")),
        };
        zones.iter().map(answer).collect()
    }

    /// Makes a zone that NSD has, but that does not follow, follow: by our pattern, and by asking its masters. Where asking
    /// alone would not help it takes the whole zone anew: its copy may be of an earlier zone of that name, whose serial was
    /// higher.
    async fn renew(&self, zone: &ZoneName) -> Done {
        let status = self.status(zone).await?;
        if let Some(pattern) = &status.pattern
            && *pattern != self.config.pattern
        {
            // As zonestatus shows it, the pattern is that of a zone that was added; those of nsd.conf have none.
            let command = format!("changezone {} {}", bare(zone), self.config.pattern);
            let changed = self.ask(&command, None).await?;
            if let Some(reason) = fault(&changed) {
                return Err(self.refused("changezone", zone, reason));
            }
        }
        let verb = if status.rests_with_content() {
            "force_transfer"
        } else {
            "transfer"
        };
        self.transfer(verb, zone).await
    }

    async fn status(&self, zone: &ZoneName) -> Result<ZoneStatus, String> {
        let answer = self.ask(&format!("zonestatus {}", bare(zone)), None).await?;
        if answer.starts_with("error") {
            return Err(self.refused("zonestatus", zone, answer.trim()));
        }
        Ok(ZoneStatus::read(&answer))
    }

    /// Makes NSD transfer a zone: `transfer` if a master's serial is newer, `force_transfer` whatever the serials.
    async fn transfer(&self, verb: &str, zone: &ZoneName) -> Done {
        let asked = self.ask(&format!("{verb} {}", bare(zone)), None).await?;
        fault(&asked).map_or(Ok(()), |reason| Err(self.refused(verb, zone, reason)))
    }

    async fn list(&self, command: &str, lines: Vec<String>) -> Result<HashMap<String, Line>, String> {
        if lines.is_empty() {
            return Ok(HashMap::new());
        }
        Ok(read_list(&self.ask(command, Some(&lines)).await?))
    }

    async fn ask(&self, command: &str, lines: Option<&[String]>) -> Result<String, String> {
        self.config.channel.ask(command, lines, self.config.timeout).await
    }

    fn refused(&self, verb: &str, zone: &ZoneName, reason: &str) -> String {
        let hint = if reason.contains("pattern") {
            "; give its nsd.conf that pattern (with `request-xfr` from MiniDNS and `allow-notify` for it and for the \
             reconciler), or name another in the target's option pattern"
        } else {
            ""
        };
        format!(
            "NSD at {} refused {verb} {zone}: {reason}{hint}",
            self.config.channel
        )
    }
}

impl Bulk for Nsd4 {
    // Each list makes it reload, which goes on when it has answered.
    const SHORTEST_REST: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(300));
    // A process that answers questions hands a NOTIFY on to the one that transfers, by way of the main one. While that
    // is busy both try again and again (4.6), with all of a processor, and answer nothing meanwhile.
    const HELD_UP_BY_NOTIFY: bool = true;

    async fn carry_out(&self, orders: &[Order]) -> Vec<Done> {
        let (mut ensured, mut removed, mut anew) = (Vec::new(), Vec::new(), Vec::new());
        for order in orders {
            match order {
                Order::Ensure(zone) => ensured.push(zone),
                Order::Remove { zone, .. } => removed.push(zone),
                Order::Retransfer { zone, serial } => anew.push((zone, *serial)),
            }
        }
        let mut removals = self.remove(&removed).await.into_iter();
        let mut additions = self.ensure(&ensured).await.into_iter();
        let mut transfers = self.retransfer(&anew).await.into_iter();
        let answers = orders.iter().map(|order| {
            let answer = match order {
                Order::Ensure(_) => additions.next(),
                Order::Remove { .. } => removals.next(),
                Order::Retransfer { .. } => transfers.next(),
            };
            answer.unwrap_or_else(|| Err("NSD was not told".to_owned()))
        });
        answers.collect()
    }
}

/// The name without its final dot, in lower case.
fn bare(zone: &ZoneName) -> String {
    let mut name = zone.to_string().to_ascii_lowercase();
    name.pop();
    name
}

/// What an answer to a single command says against it.
fn fault(answer: &str) -> Option<&str> {
    let answer = answer.trim();
    (answer != "ok").then_some(answer)
}

/// Reads the answer to a list: for each line `added: NAME`, `removed: NAME` or `error for input line 'NAME'`, with what
/// there is to say of it on the lines before.
fn read_list(answer: &str) -> HashMap<String, Line> {
    let mut lines = HashMap::new();
    let mut said = Vec::new();
    for line in answer.lines() {
        let done = ["added: ", "removed: "]
            .into_iter()
            .find_map(|word| line.strip_prefix(word));
        let failed = line
            .strip_prefix("error for input line '")
            .and_then(|rest| rest.strip_suffix('\''));
        match (done, failed) {
            (Some(name), _) => {
                let already = said.iter().any(|text: &&str| text.ends_with(" already exists"));
                let line = if already { Line::Already } else { Line::Done };
                lines.insert(name.to_owned(), line);
            }
            (_, Some(name)) => {
                let gone = said.iter().any(|text: &&str| text.ends_with(" not present"));
                let line = if gone {
                    Line::Already
                } else {
                    Line::Refused(said.join("; "))
                };
                lines.insert(name.to_owned(), line);
            }
            (None, None) => {
                said.push(line);
                continue;
            }
        }
        said.clear();
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As NSD 4.6.1 answered.
    #[test]
    fn each_line_of_a_list_has_its_own_answer() {
        let read = read_list(
            "added: a.test\nzone one.test already exists\nadded: one.test\nerror pattern nopat does not exist\nerror for \
             input line 'b.test'\nadded: c.test\nadded 3 zones\n",
        );
        assert_eq!(read["a.test"], Line::Done);
        assert_eq!(read["one.test"], Line::Already);
        assert_eq!(
            read["b.test"],
            Line::Refused("error pattern nopat does not exist".to_owned())
        );
        assert_eq!((&read["c.test"], read.len()), (&Line::Done, 4));
        let read = read_list(
            "removed: a.test\nwarning zone never.test not present\nerror for input line 'never.test'\nerror zone defined \
             in nsd.conf, cannot delete it\nerror for input line 'static.test'\ndeleted 1 zones\n",
        );
        assert_eq!(read["a.test"], Line::Done);
        assert_eq!(read["never.test"], Line::Already);
        assert!(matches!(&read["static.test"], Line::Refused(reason) if reason.contains("nsd.conf")));
    }
}
