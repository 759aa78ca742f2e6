-- Serial-versioned zone state: projections of the log, written in the appending transaction and rebuilt from the log alone.
-- No query of the write path joins across zones.

create table zone (
    id                uuid        primary key,
    name              text        not null,        -- as the user spelled it
    name_key          bytea       not null,        -- canonical sort key (RFC 4034 6.1): a subtree is a prefix range
    project           text        not null,
    pool              uuid        not null,
    email             text        not null,
    ttl               integer     not null,
    description       text,
    attributes        jsonb       not null,
    mname             text        not null,
    refresh           integer     not null,
    retry             integer     not null,
    expire            integer     not null,
    minimum           integer     not null,
    serial            bigint      not null,        -- monotonic; the wire's serial is its low 32 bits
    soa_recordset     uuid        not null,
    revision          bigint      not null,
    stream_version    bigint      not null,
    created_at        timestamptz not null,
    updated_at        timestamptz,
    created_position  bigint      not null,        -- log position of the event that made the zone,
    content_position  bigint      not null,        -- of the event that made its present serial (or deleted it),
    deleted_position  bigint,                      -- of the event that deleted it
    deleted_at        timestamptz
);
-- A name belongs to one live zone.
create unique index zone_live_name on zone (name_key) where deleted_position is null;
create index zone_name_key on zone (name_key);
-- Lists of live zones, in their default order: they do not read past what was deleted long ago. They say so by another
-- column than the write path: whose queries, planned while the table is small, could otherwise take the whole of such an
-- index for cheaper than a few look-ups by name.
create index zone_project on zone (project, created_at, id) where deleted_at is null;
create index zone_created on zone (created_at, id) where deleted_at is null;
-- Deleted zones that a server may still serve.
create index zone_deleted on zone (content_position) where deleted_position is not null;
create index zone_content_position on zone (content_position);

-- A recordset over a range of serials. Live: until_serial is null. At serial S: since_serial <= S and
-- (until_serial is null or until_serial > S).
create table recordset_version (
    zone           uuid        not null,
    recordset      uuid        not null,
    owner          text        not null,           -- as the user spelled it
    owner_key      bytea       not null,
    type           integer     not null,           -- RR type number
    ttl            integer,                        -- null follows the zone's TTL (zone_serial.ttl at a given serial)
    records        text[]      not null,           -- as the user gave them
    rdata          bytea       not null,           -- uncompressed wire form, each with a 16-bit length before it
    description    text,
    managed        boolean     not null,
    project        text        not null,
    revision       bigint      not null,
    created_at     timestamptz not null,
    updated_at     timestamptz,
    since_serial   bigint      not null,
    until_serial   bigint,
    since_position bigint      not null,           -- log position of the event that made this version
    primary key (zone, recordset, since_serial)
);
create unique index recordset_live on recordset_version (zone, owner_key, type) where until_serial is null;
create index recordset_live_id on recordset_version (recordset) where until_serial is null;
create index recordset_live_created on recordset_version (zone, created_at, recordset) where until_serial is null;
create index recordset_live_project on recordset_version (project, created_at, recordset) where until_serial is null;
create index recordset_since on recordset_version (zone, since_serial);
create index recordset_until on recordset_version (zone, until_serial) where until_serial is not null;

-- Every serial a zone ever had, with what its SOA says.
create table zone_serial (
    zone        uuid        not null,
    serial      bigint      not null,
    position    bigint      not null,
    recorded_at timestamptz not null,
    ttl         integer     not null,
    mname       text        not null,
    email       text        not null,
    refresh     integer     not null,
    retry       integer     not null,
    expire      integer     not null,
    minimum     integer     not null,
    whole       boolean     not null,              -- the step to it changes more than IXFR is worth: answer by AXFR
    primary key (zone, serial)
);
