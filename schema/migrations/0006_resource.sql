-- Everything beside zones that the API can change: each resource is a stream of its own in the log, and a row here while
-- it exists. Written in the appending transaction, rebuilt from the log alone.
create table resource (
    id             uuid        primary key,        -- its stream's id too
    kind           text        not null,           -- tld, blacklist, tsigkey, pool, quota, zone_transfer_request, ...
    name_key       text,                           -- what only one of its kind may have: a name, a pattern, a project
    project        text,                           -- whose it is; null: the installation's
    zone           uuid,                           -- the zone that it is about
    body           jsonb       not null,           -- the stored form of its content; secrets are sealed
    revision       bigint      not null,
    stream_version bigint      not null,
    created_at     timestamptz not null,
    updated_at     timestamptz,
    position       bigint      not null            -- of the event that made it what it is
);
create unique index resource_name on resource (kind, name_key);
create index resource_created on resource (kind, created_at, id);
create index resource_project on resource (kind, project, created_at, id) where project is not null;
create index resource_zone on resource (zone) where zone is not null;
-- An ownership transfer is seen by the project that it is offered to.
create index resource_target on resource ((body ->> 'target_project'), created_at, id)
    where kind = 'zone_transfer_request';

-- The log position of the last event of a TLD, a blacklist, a pool or a TSIG key: whoever keeps all of these in memory, to
-- decide by them, reads them anew when it has moved.
create table registry_head (
    feed     smallint primary key,
    position bigint   not null check (position >= 0)
);
insert into registry_head values (0, 0);

-- The text of an import, in chunks, until the import is done. Written with the import's creation; no projection.
create table import_body (
    import uuid    not null,
    chunk  integer not null,                       -- 0, 1, 2 ...
    bytes  bytea   not null,
    primary key (import, chunk)
);
-- Which importer works on an import. There is a row from the import's creation until it is done.
create table import_task (
    import        uuid        primary key,
    attributes    jsonb       not null,            -- of the zone to be made: an object of texts
    rights        jsonb       not null,            -- what its caller may do besides: {"use_low_ttl": true, ...}
    created_at    timestamptz not null,
    claimed_by    text,                            -- which importer, for operators
    claimed_until timestamptz                      -- by PostgreSQL's clock; past or null: anybody may take it
);
create index import_task_created on import_task (created_at, import);
