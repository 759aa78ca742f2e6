-- What the pools' name servers were seen to serve. Written by the reconciler alone.

-- Up to which log position a server is known to serve what the log says, but for its rows in server_zone.
create table server_checkpoint (
    server     text        primary key,            -- the server's name in the configuration
    pool       uuid        not null,
    position   bigint      not null,
    updated_at timestamptz not null
);

-- Only zones that are behind or failing at a server.
create table server_zone (
    server     text        not null,
    zone_key   bytea       not null,               -- by name: a server knows no ids
    name       text        not null,
    zone       uuid        not null,               -- the zone last known by that name
    position   bigint      not null,               -- the log position that the server should reach
    serial     bigint,                             -- the serial last seen there; null: none, or never seen
    error      text,                               -- what went wrong last; null: merely behind
    attempts   integer     not null,
    since      timestamptz not null,
    next_try   timestamptz not null,
    primary key (server, zone_key)
);
create index server_zone_zone on server_zone (zone);
create index server_zone_next_try on server_zone (server, next_try);
