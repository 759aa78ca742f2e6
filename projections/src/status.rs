//! The status of a zone or a recordset: computed from what the pool's servers were seen to serve, never stored.
//!
//! A server is *ok* for a change when its checkpoint is at or past the change's position and it has no row in
//! `server_zone` for the zone (for a recordset: or the row's serial is at or past the one that the change made). It is
//! *failing* when such a row carries an error and has stood for [`ERROR_AFTER_SECONDS`]: a server that merely restarts
//! leaves a change `PENDING`, as clients give up on a change that is in `ERROR`. With `S` servers in the pool, and `k` of them wanted by the threshold:
//!
//! | | |
//! |---|---|
//! | `ACTIVE` | at least `k` are ok |
//! | `ERROR` | so many are failing that `k` can no longer be reached |
//! | `PENDING` | otherwise; also while no server is registered, for then nobody has seen anything served |
//!
//! A pool without targets, none of whose servers is registered, has nobody to serve its zones or to say so: all is `ACTIVE`
//! there at once. Only the servers of the zone's present pool count: one that it left does not hold it up.
//!
//! The rule stands here twice, as [`status`] and as SQL for list queries; a property test holds them together.

use std::fmt;

use zonelog_dns::LongSerial;
use zonelog_model::Position;

/// For how long a zone must have failed at a server before the server counts as failing, in seconds.
pub const ERROR_AFTER_SECONDS: i64 = 60;

/// How far a change has come (the API's `status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Enough of the pool's servers were seen to serve it.
    Active,
    /// Not yet.
    Pending,
    /// Too many of the pool's servers fail to follow.
    Error,
}

impl Status {
    /// The word that the API shows and the SQL expressions give.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Pending => "PENDING",
            Self::Error => "ERROR",
        }
    }

    /// The status of a word.
    pub fn from_label(label: &str) -> Option<Self> {
        match label {
            "ACTIVE" => Some(Self::Active),
            "PENDING" => Some(Self::Pending),
            "ERROR" => Some(Self::Error),
            _ => None,
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What the servers are still to do (the API's `action`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Nothing.
    None,
    /// Serve what is new.
    Create,
    /// Serve what changed.
    Update,
    /// Serve it no more.
    Delete,
}

impl Action {
    /// The word that the API shows and the SQL expressions give.
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }

    /// What is left to do at `status` of a zone or recordset at `revision`.
    pub const fn of(status: Status, deleted: bool, revision: i64) -> Self {
        match (status, deleted, revision) {
            (Status::Active, _, _) => Self::None,
            (_, true, _) => Self::Delete,
            (_, false, 1) => Self::Create,
            (_, false, _) => Self::Update,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// What is known of one server of the pool, for one zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerView {
    /// The server's checkpoint.
    pub checkpoint: Position,
    /// Its row in `server_zone` for the zone, if there is one.
    pub behind: Option<Behind>,
}

/// What a row of `server_zone` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The serial last seen at the server.
    pub serial: Option<LongSerial>,
    /// Whether the row carries an error, and has stood for [`ERROR_AFTER_SECONDS`].
    pub failing: bool,
}

/// The change whose status is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The log position of the event: a zone's `content_position`, for a recordset that of the serial that first held it.
    pub position: Position,
    /// For a recordset, the serial that first held it. `None` for a zone (and its SOA), which wants its last serial.
    pub since_serial: Option<LongSerial>,
}

/// How many of `servers` must serve a change at a threshold in percent: rounded up, and at least one.
pub const fn wanted(servers: usize, threshold_percent: u8) -> usize {
    let wanted = (servers * threshold_percent as usize).div_ceil(100);
    if wanted == 0 { 1 } else { wanted }
}

/// The status of a change, given all servers of the zone's pool and the pool's threshold in percent (0 to 100).
/// `without_targets` tells that the pool is known to have none.
pub fn status(
    servers: &[ServerView],
    threshold_percent: u8,
    change: Change,
    without_targets: bool,
) -> Status {
    if servers.is_empty() && without_targets {
        return Status::Active;
    }
    let wanted = wanted(servers.len(), threshold_percent);
    let ok = servers.iter().filter(|server| serves(server, change)).count();
    let failing = servers
        .iter()
        .filter(|server| server.behind.is_some_and(|row| row.failing))
        .count();
    if ok >= wanted {
        Status::Active
    } else if failing > 0 && servers.len() - failing < wanted {
        Status::Error
    } else {
        Status::Pending
    }
}

fn serves(server: &ServerView, change: Change) -> bool {
    server.checkpoint >= change.position
        && server
            .behind
            .is_none_or(|row| match (row.serial, change.since_serial) {
                (Some(seen), Some(since)) => seen >= since,
                _ => false,
            })
}

/// SQL: the status label of a row of `zone`, whose alias is `zone`. `threshold` is an expression for the pool's
/// threshold in percent, e.g. `$3::integer`.
pub fn zone_status_sql(zone: &str, threshold: &str) -> String {
    status_sql(
        zone,
        threshold,
        &format!("c.position >= {zone}.content_position and b.server is null"),
    )
}

/// SQL: the action label of a row of `zone`, whose alias is `zone`, given the expression of its status.
pub fn zone_action_sql(zone: &str, status: &str) -> String {
    format!(
        "case when ({status}) = 'ACTIVE' then 'NONE' when {zone}.deleted_position is not null then 'DELETE' \
         when {zone}.revision = 1 then 'CREATE' else 'UPDATE' end"
    )
}

/// SQL: whether a row of `zone` is to be shown no more: deleted, and either gone from enough servers or its name taken
/// by a live zone; or abandoned.
pub fn zone_gone_sql(zone: &str, threshold: &str) -> String {
    format!(
        "({zone}.deleted_position is not null and ({zone}.abandoned or ({status}) = 'ACTIVE' \
         or exists (select from zone live \
         where live.name_key = {zone}.name_key and live.deleted_position is null)))",
        status = zone_status_sql(zone, threshold)
    )
}

/// SQL: the status label of a row of `recordset_version`, whose alias is `recordset`, in the row `zone` of `zone`.
/// A recordset without records has nothing to be served, and is `ACTIVE`. The SOA recordset, which has no row, has the
/// zone's status.
pub fn recordset_status_sql(zone: &str, recordset: &str, threshold: &str) -> String {
    let ok = format!(
        "c.position >= (select s.position from zone_serial s where s.zone = {recordset}.zone \
         and s.serial = {recordset}.since_serial) and (b.server is null or b.serial >= {recordset}.since_serial)"
    );
    format!(
        "case when cardinality({recordset}.records) = 0 then 'ACTIVE' else {} end",
        status_sql(zone, threshold, &ok)
    )
}

/// SQL: the action label of a row of `recordset_version`, given the expression of its status.
pub fn recordset_action_sql(recordset: &str, status: &str) -> String {
    format!(
        "case when ({status}) = 'ACTIVE' then 'NONE' when {recordset}.revision = 1 then 'CREATE' else 'UPDATE' end"
    )
}

/// The columns that an expression of this module names are qualified; `c` and `b` are its own aliases.
fn status_sql(zone: &str, threshold: &str, ok: &str) -> String {
    let wanted = format!("greatest(1, (count(*) * ({threshold}) + 99) / 100)");
    let failing = format!(
        "count(*) filter (where b.error is not null and b.since <= now() - interval '{ERROR_AFTER_SECONDS} seconds')"
    );
    format!(
        "(select case when count(*) filter (where {ok}) >= {wanted} then 'ACTIVE' \
         when {failing} > 0 and count(*) - {failing} < {wanted} then 'ERROR' \
         when count(*) = 0 and exists (select from resource p where p.id = {zone}.pool and p.kind = 'pool' \
         and jsonb_array_length(p.body -> 'targets') = 0) then 'ACTIVE' else 'PENDING' end \
         from server_checkpoint c left join server_zone b \
         on b.server = c.server and b.zone_key = {zone}.name_key and b.zone = {zone}.id \
         where c.pool = {zone}.pool)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(checkpoint: Position) -> ServerView {
        ServerView {
            checkpoint,
            behind: None,
        }
    }

    fn behind(checkpoint: Position, serial: Option<i64>, failing: bool) -> ServerView {
        let serial = serial.map(LongSerial::from_i64);
        ServerView {
            checkpoint,
            behind: Some(Behind { serial, failing }),
        }
    }

    const ZONE: Change = Change {
        position: 10,
        since_serial: None,
    };
    const RECORDSET: Change = Change {
        position: 10,
        since_serial: Some(LongSerial::from_i64(7)),
    };

    #[test]
    fn all_servers_must_serve_it_at_a_threshold_of_a_hundred() {
        assert_eq!(status(&[at(10), at(11)], 100, ZONE, false), Status::Active);
        assert_eq!(status(&[at(10), at(9)], 100, ZONE, false), Status::Pending);
        assert_eq!(status(&[at(10), at(9)], 50, ZONE, false), Status::Active);
    }

    #[test]
    fn one_dead_server_of_three_is_no_error_at_a_threshold_of_two_thirds() {
        let dead = behind(10, None, true);
        assert_eq!(status(&[at(10), at(10), dead], 66, ZONE, false), Status::Active);
        assert_eq!(status(&[at(10), at(9), dead], 66, ZONE, false), Status::Pending);
        assert_eq!(status(&[at(10), dead, dead], 66, ZONE, false), Status::Error);
    }

    #[test]
    fn a_zone_that_is_behind_still_serves_its_older_recordsets() {
        assert_eq!(
            status(&[behind(10, Some(7), true)], 100, RECORDSET, false),
            Status::Active
        );
        assert_eq!(
            status(&[behind(10, Some(6), true)], 100, RECORDSET, false),
            Status::Error
        );
        assert_eq!(
            status(&[behind(10, Some(7), false)], 100, ZONE, false),
            Status::Pending
        );
    }

    #[test]
    fn without_servers_nothing_is_active() {
        assert_eq!(status(&[], 100, ZONE, false), Status::Pending);
        assert_eq!(status(&[at(9)], 0, ZONE, false), Status::Pending);
    }

    #[test]
    fn a_pool_without_targets_needs_nobody_to_confirm() {
        assert_eq!(status(&[], 100, ZONE, true), Status::Active);
        assert_eq!(status(&[at(9)], 100, ZONE, true), Status::Pending);
    }

    #[test]
    fn the_action_is_what_is_left_to_do() {
        assert_eq!(Action::of(Status::Active, true, 3), Action::None);
        assert_eq!(Action::of(Status::Error, true, 3), Action::Delete);
        assert_eq!(Action::of(Status::Pending, false, 1), Action::Create);
        assert_eq!(Action::of(Status::Pending, false, 2), Action::Update);
    }
}
