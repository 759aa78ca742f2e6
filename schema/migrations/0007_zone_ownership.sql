-- Who a zone belongs to, who else sees it, which pool serves it, and how much a project has: all of it projections.

alter table zone
    add column recordset_count bigint  not null default 0,  -- recordsets that are not managed; 0 when deleted
    add column record_count    bigint  not null default 0,  -- their records
    add column transferred_at  timestamptz,                 -- when it was last taken from a primary, if it is a secondary zone
    add column abandoned       boolean not null default false, -- gone from the API, left as it is on its servers
    add column pool_position   bigint;                      -- log position of the event that brought it to its pool
update zone set pool_position = created_position;
update zone z set recordset_count = c.recordsets, record_count = c.records
    from (select zone, count(*) as recordsets, sum(cardinality(records)) as records from recordset_version
          where until_serial is null and not managed group by zone) c
    where c.zone = z.id and z.deleted_position is null;
alter table zone alter column pool_position set not null;
-- What was abandoned since a server's checkpoint.
create index zone_abandoned on zone (content_position) where abandoned;

-- The live zones of a pool. It says so by the column that the lists use: see 0002.
create index zone_pool on zone (pool, id) where deleted_at is null;

-- A zone lent to another project, which may make recordsets in it. A deleted zone's rows stay.
create table zone_share (
    id             uuid        primary key,
    zone           uuid        not null,
    target_project text        not null,
    project        text        not null,           -- who shared it
    created_at     timestamptz not null
);
create unique index zone_share_target on zone_share (zone, target_project);
create index zone_share_project on zone_share (target_project, zone);

-- How many live zones a project has. A project that ever had one has a row.
create table project_usage (
    project text   primary key,
    zones   bigint not null check (zones >= 0)
) with (fillfactor = 50);                          -- leaves room for updates in place (HOT)
insert into project_usage select project, count(*) filter (where deleted_position is null) from zone group by project;

-- A name that was moved from a pool to another: the old pool's servers are to serve it no more, unless a zone of that name
-- came to the pool later.
create table zone_departure (
    pool     uuid   not null,
    name_key bytea  not null,
    name     text   not null,
    zone     uuid   not null,
    position bigint not null,                      -- of the last move from there
    primary key (pool, name_key)
);
create index zone_departure_position on zone_departure (pool, position);

-- What a managed recordset was made for, when that is a thing of another service: the PTR of a floating IP.
alter table recordset_version
    add column managed_kind    text,               -- ptr:floatingip
    add column managed_id      text,
    add column managed_region  text,
    add column managed_project text;               -- the project that the thing belongs to
create index recordset_live_managed on recordset_version (managed_id)
    where until_serial is null and managed_id is not null;
