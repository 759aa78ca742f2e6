//! One transaction on Knot's configuration: begun, filled, committed, and what must be said after it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use zonelog_dns::ZoneName;
use zonelog_dns::tsig::Key;

use super::KnotConfig;
use super::control::{Command, Control, Field, Reply};
use crate::targets::ZoneSpec;
use crate::targets::batch::{Done, Order};

/// How Zonelog's own items of Knot's configuration are marked.
const MARK: &str = "zonelog";
/// The longest id of an item that is given as it is; Knot takes up to 127 octets.
const LONGEST_ID: usize = 100;
/// The pause before a transaction that somebody else has open is looked at again.
const OTHERS: Duration = Duration::from_millis(50);
/// A commit loads all its zones before it answers: how much longer it may take than another command.
const COMMIT: u32 = 6;
/// The same for a transfer that is waited for.
const RETRANSFER: u32 = 60;
/// The flag of a command that answers when it is done, not when it is begun (`knotc -b`).
const BLOCKING: &str = "B";

/// Why a transaction came to nothing.
pub(super) enum Failure {
    /// For the sake of at least one of its zones.
    Refused(String),
    /// No zone of it is to blame: Knot did not listen.
    Unheard(String),
}

/// A transaction for orders of which no two are for one zone.
pub(super) struct Transaction<'a> {
    config: &'a KnotConfig,
    orders: &'a [Order],
    /// The masters' items, by their id.
    remotes: BTreeMap<String, Remote<'a>>,
    /// The items of keys that these name, by their id.
    keys: BTreeMap<String, &'a Key>,
}

/// A master, and the key with which it is asked.
type Remote<'a> = (SocketAddr, Option<&'a Key>);

/// What is done about a zone after the commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Nothing,
    /// It asks its masters.
    Refresh,
    /// It takes the whole zone, whatever it has.
    Retransfer,
    /// The same, and it answers when it has it, or could not get it: nobody could see it from its serial.
    RetransferAndSay,
    /// What it knew of the zone goes.
    Purge,
}

impl<'a> Transaction<'a> {
    pub(super) fn new(config: &'a KnotConfig, orders: &'a [Order]) -> Self {
        let (mut remotes, mut keys) = (BTreeMap::new(), BTreeMap::new());
        if config.remotes.is_empty() {
            for order in orders {
                if let Order::Ensure(zone) = order {
                    let key = zone.key.as_deref();
                    keys.extend(key.map(|key| (key_id(key), key)));
                    remotes.extend(
                        zone.masters
                            .iter()
                            .map(|&master| (remote_id(master, key), (master, key))),
                    );
                }
            }
        }
        Self {
            config,
            orders,
            remotes,
            keys,
        }
    }

    /// Carries it out.
    pub(super) async fn run(&self) -> Result<Vec<Done>, Failure> {
        let mut control = self.begin().await?;
        let done = self.fill_and_commit(&mut control).await;
        if matches!(done, Err(Failure::Refused(_))) {
            // The reason is what matters; a transaction that stays open is found by its marks.
            let _ = control
                .ask(&[Command::new("conf-abort")], self.config.timeout)
                .await;
        }
        done
    }

    /// Begins, when nobody else has a transaction open. One of Zonelog's own that was left open ends: its owner is gone,
    /// since the socket is ours now.
    async fn begin(&self) -> Result<Control, Failure> {
        let started = Instant::now();
        loop {
            let mut control = Control::connect(&self.config.socket)
                .await
                .map_err(Failure::Unheard)?;
            let begun = self.ask_one(&mut control, Command::new("conf-begin")).await?;
            let Some(error) = begun.error() else {
                return Ok(control);
            };
            let open = begun.says("too many transactions");
            if !open || started.elapsed() > self.config.timeout {
                let hint = if open {
                    "; somebody has one open: end it with `knotc conf-commit` or `knotc conf-abort`"
                } else {
                    "; knotd needs a configuration database: import its file with `knotc conf-import`, and start it with -C"
                };
                return Err(Failure::Unheard(format!(
                    "Knot at {} begins no transaction on its configuration: {error}{hint}",
                    self.config.socket.display()
                )));
            }
            let changes = self.ask_one(&mut control, Command::new("conf-diff")).await?;
            if is_ours(&changes) {
                self.ask_one(&mut control, Command::new("conf-abort")).await?;
                continue;
            }
            // Who has it open wants the socket too.
            drop(control);
            tokio::time::sleep(OTHERS).await;
        }
    }

    async fn fill_and_commit(&self, control: &mut Control) -> Result<Vec<Done>, Failure> {
        let mut changes = Changes::default();
        self.keys(control, &mut changes).await?;
        self.remotes(control, &mut changes).await?;
        let after = self.zones(control, &mut changes).await?;
        let replies = self.ask(control, &changes.commands, 1).await?;
        for reply in &replies {
            self.accepted("the configuration of", reply)?;
        }
        // What changes nothing need not be loaded again.
        let (last, patience) = if changes.any {
            ("conf-commit", COMMIT)
        } else {
            ("conf-abort", 1)
        };
        let ended = self.ask(control, &[Command::new(last)], patience).await?;
        for reply in &ended {
            self.accepted("the commit of", reply)?;
        }
        self.follow_up(control, &after).await
    }

    /// Makes the keys' items that are not there yet, and gives those that are there the keys' secrets.
    async fn keys(&self, control: &mut Control, changes: &mut Changes) -> Result<(), Failure> {
        let mut commands = Vec::new();
        for id in self.keys.keys() {
            commands.push(set("key", id));
            commands.extend(["algorithm", "secret"].map(|name| item(on("conf-get", "key", id), name, "")));
        }
        let mut replies = self.ask(control, &commands, 1).await?.into_iter();
        for (id, key) in &self.keys {
            self.is_new(&replies.next().unwrap_or_default())?;
            let settings = [
                ("algorithm", key.algorithm.label().to_owned()),
                ("secret", key.secret.to_base64()),
            ];
            for (name, value) in settings {
                let present = replies.next().unwrap_or_default();
                if !present.all(Field::Data).any(|present| present == value) {
                    changes.add(item(set("key", id), name, &value));
                }
            }
        }
        Ok(())
    }

    /// Makes the masters' items that are not there yet.
    async fn remotes(&self, control: &mut Control, changes: &mut Changes) -> Result<(), Failure> {
        let commands: Vec<Command> = self.remotes.keys().map(|id| set("remote", id)).collect();
        let replies = self.ask(control, &commands, 1).await?;
        for ((id, (master, key)), reply) in self.remotes.iter().zip(&replies) {
            if self.is_new(reply)? {
                let address = format!("{}@{}", master.ip(), master.port());
                changes.add(item(set("remote", id), "address", &address));
                if let Some(key) = key {
                    changes.add(item(set("remote", id), "key", &key_id(key)));
                }
            }
        }
        Ok(())
    }

    /// Looks at each zone, and says what its order needs.
    async fn zones(&self, control: &mut Control, changes: &mut Changes) -> Result<Vec<After>, Failure> {
        let mut commands = Vec::new();
        for order in self.orders {
            let id = id(order.zone());
            match order {
                Order::Ensure(_) => {
                    commands.push(set("zone", &id));
                    for name in ["comment", "master"] {
                        commands.push(item(on("conf-get", "zone", &id), name, ""));
                    }
                }
                Order::Remove { hard, .. } => {
                    // While Knot still knows where the file is. It answers from memory.
                    if *hard || self.config.clean_zone_file {
                        commands.push(purge(&id, "f"));
                    }
                    commands.push(on("conf-unset", "zone", &id));
                }
                // Its configuration is right.
                Order::Retransfer { .. } => {}
            }
        }
        let mut replies = self.ask(control, &commands, 1).await?.into_iter();
        let mut after = Vec::with_capacity(self.orders.len());
        for order in self.orders {
            let next = match order {
                Order::Ensure(zone) => {
                    let mut reply = || replies.next().unwrap_or_default();
                    let is_new = self.is_new(&reply())?;
                    let (comment, masters) = (reply(), reply());
                    if is_new {
                        changes.any = true;
                        self.describe(zone, changes);
                        After::Nothing
                    } else {
                        self.adopt(zone, &comment, &masters, changes)
                    }
                }
                Order::Remove { hard, .. } => {
                    let clean = *hard || self.config.clean_zone_file;
                    if clean {
                        // A zone without a file is fine.
                        replies.next();
                    }
                    let removed = replies.next().unwrap_or_default();
                    // Which of both depends on whether there are other zones.
                    let gone = removed.says("invalid identifier") || removed.says("not exists");
                    if !gone {
                        self.accepted("the removal of", &removed)?;
                        changes.any = true;
                    }
                    // Also when it is not there: what was left behind before.
                    if clean { After::Purge } else { After::Nothing }
                }
                Order::Retransfer { .. } => After::RetransferAndSay,
            };
            after.push(next);
        }
        Ok(after)
    }

    /// All settings of a new zone.
    fn describe(&self, zone: &ZoneSpec, changes: &mut Changes) {
        let id = id(&zone.name);
        if let Some(template) = &self.config.template {
            changes.add(item(set("zone", &id), "template", template));
        }
        changes.add(item(set("zone", &id), "comment", &comment(zone)));
        for master in self.masters(zone) {
            changes.add(item(set("zone", &id), "master", &master));
        }
    }

    /// A zone that is there already stays as it is, unless it does not follow, or is an earlier one of that name.
    fn adopt(&self, zone: &ZoneSpec, comment: &Reply, masters: &Reply, changes: &mut Changes) -> After {
        let id = id(&zone.name);
        let marked = comment
            .all(Field::Data)
            .find(|text| text.starts_with(MARK))
            .map(str::to_owned);
        let is_another = marked.is_some_and(|marked| marked != self::comment(zone));
        if !is_another && !zone.renew {
            return After::Nothing;
        }
        if is_another {
            changes.add(item(set("zone", &id), "comment", &self::comment(zone)));
        }
        let mut present: Vec<String> = masters.all(Field::Data).map(str::to_owned).collect();
        let mut wanted = self.masters(zone);
        present.sort();
        wanted.sort();
        if present != wanted {
            if !present.is_empty() {
                changes.add(item(on("conf-unset", "zone", &id), "master", ""));
            }
            for master in &wanted {
                changes.add(item(set("zone", &id), "master", master));
            }
        }
        if is_another {
            After::Retransfer
        } else {
            After::Refresh
        }
    }

    /// What is to be done when the configuration stands. Each zone has its own answer.
    async fn follow_up(&self, control: &mut Control, after: &[After]) -> Result<Vec<Done>, Failure> {
        let mut commands = Vec::new();
        for (order, after) in self.orders.iter().zip(after) {
            let id = id(order.zone());
            match after {
                After::Nothing => {}
                After::Refresh => commands.push(Command::new("zone-refresh").with(Field::Zone, &id)),
                After::Retransfer => {
                    commands.push(Command::new("zone-retransfer").with(Field::Zone, &id));
                }
                After::RetransferAndSay => {
                    let command = Command::new("zone-retransfer").with(Field::Flags, BLOCKING);
                    commands.push(command.with(Field::Zone, &id));
                }
                After::Purge => commands.push(purge(&id, "o")),
            }
        }
        let patience = if after.contains(&After::RetransferAndSay) {
            RETRANSFER
        } else {
            1
        };
        let mut replies = self.ask(control, &commands, patience).await?.into_iter();
        let answers = self.orders.iter().zip(after).map(|(order, after)| {
            if *after == After::Nothing {
                return Ok(());
            }
            match replies.next().unwrap_or_default().error() {
                Some(error) if *after != After::Purge => {
                    Err(self.refused(&format!("{after:?} of {}", order.zone()), &error))
                }
                Some(error) => {
                    tracing::warn!(zone = %order.zone(), error, "Knot keeps what it knew of a removed zone");
                    Ok(())
                }
                None => Ok(()),
            }
        });
        Ok(answers.collect())
    }

    /// The ids of a zone's masters.
    fn masters(&self, zone: &ZoneSpec) -> Vec<String> {
        if self.config.remotes.is_empty() {
            let key = zone.key.as_deref();
            let masters = zone.masters.iter();
            masters.map(|&master| remote_id(master, key)).collect()
        } else {
            self.config.remotes.clone()
        }
    }

    async fn ask_one(&self, control: &mut Control, command: Command) -> Result<Reply, Failure> {
        let mut replies = self.ask(control, &[command], 1).await?;
        Ok(replies.pop().unwrap_or_default())
    }

    async fn ask(
        &self,
        control: &mut Control,
        commands: &[Command],
        times: u32,
    ) -> Result<Vec<Reply>, Failure> {
        if commands.is_empty() {
            return Ok(Vec::new());
        }
        let asked = control.ask(commands, self.config.timeout * times).await;
        asked.map_err(Failure::Unheard)
    }

    /// Whether an item was made just now; `false`: it was there before.
    fn is_new(&self, reply: &Reply) -> Result<bool, Failure> {
        if reply.says("duplicate identifier") {
            return Ok(false);
        }
        self.accepted("the item of", reply).map(|()| true)
    }

    fn accepted(&self, what: &str, reply: &Reply) -> Result<(), Failure> {
        match reply.error() {
            None => Ok(()),
            Some(error) => {
                let zones = self.orders.iter().map(|order| order.zone().to_string());
                let zones: Vec<String> = zones.collect();
                Err(Failure::Refused(
                    self.refused(&format!("{what} {}", zones.join(", ")), &error),
                ))
            }
        }
    }

    fn refused(&self, what: &str, error: &str) -> String {
        let hint = if error.contains("template") || error.contains("remote") || error.contains("master") {
            "; check the options template and remotes of the target against Knot's configuration"
        } else {
            ""
        };
        format!(
            "Knot at {} refused {what}: {error}{hint}",
            self.config.socket.display()
        )
    }
}

/// The commands that fill a transaction.
#[derive(Default)]
struct Changes {
    commands: Vec<Command>,
    /// Whether anything changes, by these commands or by those before.
    any: bool,
}

impl Changes {
    fn add(&mut self, command: Command) {
        self.commands.push(command);
        self.any = true;
    }
}

/// Whether open changes are of Zonelog's making.
fn is_ours(changes: &Reply) -> bool {
    changes
        .all(Field::Data)
        .chain(changes.all(Field::Id))
        .any(|text| text.starts_with(MARK))
}

fn on(command: &str, section: &str, id: &str) -> Command {
    Command::new(command)
        .with(Field::Section, section)
        .with(Field::Id, id)
}

fn set(section: &str, id: &str) -> Command {
    on("conf-set", section, id)
}

/// Names an item, and its value where there is one.
fn item(command: Command, name: &str, value: &str) -> Command {
    let command = command.with(Field::Item, name);
    if value.is_empty() {
        command
    } else {
        command.with(Field::Data, value)
    }
}

/// Deletes what Knot keeps of a zone: `f` its file, `o` all the rest, once it is configured no more.
fn purge(zone: &str, what: &str) -> Command {
    Command::new("zone-purge")
        .with(Field::Zone, zone)
        .with(Field::Flags, "F")
        .with(Field::Filter, what)
}

fn id(zone: &ZoneName) -> String {
    zone.to_string().to_ascii_lowercase()
}

/// Which zone of that name it is.
fn comment(zone: &ZoneSpec) -> String {
    format!("{MARK} {}", zone.zone.uuid())
}

/// The item of a key.
fn key_id(key: &Key) -> String {
    key.name.to_string().to_ascii_lowercase()
}

/// The item of a master. Its id says what is in it, so that it never changes.
fn remote_id(master: SocketAddr, key: Option<&Key>) -> String {
    let mut id = format!("{MARK}-{}-{}", master.ip(), master.port());
    if let Some(key) = key {
        id = format!("{id}-{}", key_id(key).trim_end_matches('.'));
    }
    if id.len() <= LONGEST_ID {
        return id;
    }
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(id.as_bytes())[..16]);
    format!("{MARK}-{digest}")
}
