-- What operators ask of the reconcilers for a name server. A server without a row is worked on as usual. Operators'
-- commands write here; whichever reconciler holds the server's lease takes it up, and so does the next one.
create table server_control (
    server         text        primary key,
    paused_at      timestamptz,                    -- since when nothing is sent to it; null: it is worked on
    reason         text,                           -- why, in the operator's words
    replay_from    bigint,                         -- its checkpoint is to go back to just before this position
    resync_at      timestamptz,                    -- when it was asked for every zone anew; null: never
    retransfer     boolean     not null,           -- ... and each zone is to be transferred anew
    resync_after   bytea       not null,           -- the name up to which that is done; empty: not begun
    resync_asked   bigint      not null,           -- how many zones it was asked for,
    resync_behind  bigint      not null,           -- how many of them it did not serve as it should,
    resync_failed  bigint      not null,           -- and for how many it did not take the order to transfer anew
    resync_error   text,                           -- why the last of these failed
    resync_done_at timestamptz                     -- null: not done yet
);

-- When the serial of the row was seen at the server.
alter table server_zone add column seen_at timestamptz;
