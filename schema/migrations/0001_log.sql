-- The log. It only grows: the service's role may SELECT and INSERT here, never UPDATE or DELETE.
--
-- Positions are handed out under the row of feed_head, which the appending transaction holds locked from its start to its
-- commit. So they are gapless and in commit order: a follower's checkpoint is one integer, and a hole is corruption.
-- (A bare sequence is not in commit order: a follower passes over events that commit later.)
create table feed_head (
    feed     smallint primary key,          -- 0; a shard's number when the log is spread over several primaries
    position bigint   not null check (position >= 0)
) with (fillfactor = 10);                   -- leaves room for updates in place (HOT): one a batch
insert into feed_head values (0, 0);

create table event (
    feed         smallint    not null default 0,
    position     bigint      not null,
    stream       uuid        not null,      -- a zone's id, ...
    version      bigint      not null,      -- 1, 2, 3 ... in the stream
    type         text        not null,      -- zone_created, recordset_changed, ...
    type_version smallint    not null,      -- the shape of the payload; old ones are read for ever
    payload      jsonb       not null,      -- before and after, in full
    project      text        not null,      -- the project in whose scope the actor acted
    actor        jsonb       not null,      -- {"user", "roles", "door"}
    request_id   text,
    change_id    uuid        not null,      -- one accepted command
    cause        text,
    recorded_at  timestamptz not null,
    primary key (feed, position),
    unique (stream, version)
);
-- What one change did, and whether a retried change is already in the log.
create index event_change on event (change_id);

-- Commands that were refused: who tried what, and which rule said no. Beside the log, not in it.
create table refusal (
    id          bigint      generated always as identity primary key,
    stream      uuid        not null,
    command     text        not null,       -- create_zone, update_recordset, ...
    label       text        not null,       -- the rejection's stable label
    message     text        not null,
    project     text        not null,
    actor       jsonb       not null,
    request_id  text,
    recorded_at timestamptz not null
);
create index refusal_recorded_at on refusal (recorded_at);

-- The first answer to a request that carried an Idempotency-Key, written in the transaction of its change.
create table idempotency_key (
    project     text        not null,
    key         text        not null,
    digest      bytea       not null,       -- of method, path and body: the same key for another request is an error
    change_id   uuid        not null,
    answer      jsonb       not null,
    recorded_at timestamptz not null,
    primary key (project, key)
);
create index idempotency_key_recorded_at on idempotency_key (recorded_at);
