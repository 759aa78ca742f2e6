-- Which zones are a pool's, and were: what its catalog zone shows (RFC 9432). A projection of the log, written in the appending
-- transaction. It is kept for every pool, so that one that is given a catalog zone need not wait for it.
create table catalog_member (
    pool           uuid   not null,
    zone           uuid   not null,                -- its id is the member's label, which tells a zone from the next of its name
    name           text   not null,
    name_key       bytea  not null,
    catalog_group  text,                           -- the zone's attribute catalog_group: the member's group property
    since_position bigint not null,                -- log position of the event that brought it to the pool,
    until_position bigint,                         -- and of the one that took it away; null: it is a member
    primary key (pool, since_position)
);
-- In the order of the labels. An abandoned zone stays a member, as its servers are to keep it, until another zone has its name.
create unique index catalog_member_live on catalog_member (pool, zone) where until_position is null;
create index catalog_member_until on catalog_member (pool, until_position) where until_position is not null;

insert into catalog_member
    select s.pool, s.stream, z.name, z.name_key, nullif(z.attributes ->> 'catalog_group', ''), s.position, s.until
    from (select stream, position, lead(position) over (partition by stream order by position) as until,
                 case type when 'zone_created' then payload -> 'zone' ->> 'pool'
                           when 'zone_moved_to_pool' then payload ->> 'after' end::uuid as pool
          from event where type in ('zone_created', 'zone_moved_to_pool', 'zone_deleted')) s
    join zone z on z.id = s.stream
    where s.pool is not null;
update catalog_member m set until_position = n.position
    from (select a.pool, a.zone, min(b.since_position) as position
          from catalog_member a
          join zone z on z.id = a.zone and z.abandoned
          join catalog_member b on b.pool = a.pool and b.name_key = a.name_key and b.zone <> a.zone
               and b.since_position > z.deleted_position
          where a.until_position is null group by a.pool, a.zone) n
    where m.pool = n.pool and m.zone = n.zone and m.until_position is null;
