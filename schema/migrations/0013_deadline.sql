-- What is to be done at a time: refreshing secondary zones, purging deleted ones, counting what exists. Nobody looks for
-- such work by reading whole tables: whoever makes it necessary puts a row here. Any number of processes share the queue.
create table deadline (
    kind          text        not null,           -- secondary_refresh, zone_purge, zones_exist
    subject       uuid        not null,           -- the zone; all zeros: the installation
    due_at        timestamptz not null,           -- by PostgreSQL's clock, as all times here; claimed: the claim's end
    attempts      integer     not null default 0, -- how often in a row it has failed
    wakes         bigint      not null default 0, -- how often it was asked for at once: one that comes during the work counts
    claimed_until timestamptz,                    -- somebody works on it, until then at the longest
    claim         bigint      not null default 0, -- who: one more with each claim
    primary key (kind, subject)
);
create index deadline_due on deadline (kind, due_at);

-- Up to which position of the log the queue has taken in what follows from its events.
create table deadline_head (
    feed     smallint primary key,
    position bigint   not null check (position >= 0)
);
insert into deadline_head values (0, 0);

-- How each secondary zone stands with its primaries. No projection: written by whoever asked them. No row: nobody has yet.
create table secondary_status (
    zone          uuid        primary key,
    checked_at    timestamptz,                    -- when a primary last said that we are up to date
    expires_at    timestamptz,                    -- from when on we must not answer (RFC 1035 3.3.13); null: nothing was ever taken
    master        text,                           -- the primary that was asked last
    master_serial bigint,                         -- the 32-bit serial that it had
    error         text,                           -- what went wrong last; null: nothing
    failures      integer     not null default 0  -- how often in a row
);
create index secondary_status_expires on secondary_status (expires_at);

-- Deleted zones whose rows are gone from the projections; the log has them for ever. A rebuild makes them again, and a
-- comparison passes over them.
create table zone_purged (
    zone      uuid        primary key,
    purged_at timestamptz not null
);

-- How many zones existed, hour by hour: Designate's periodic_exists. Counted from what projects have and from what was
-- deleted since the period before.
create table zones_existed (
    period_end   timestamptz primary key,
    period_begin timestamptz not null,
    position     bigint      not null,             -- the log's head at the period's end
    zones        bigint      not null              -- that existed within the period, deleted ones counted
);
