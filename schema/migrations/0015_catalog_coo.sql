-- A zone that moved between two pools with catalog zones: where it is going stands beside it in the old catalog, until the
-- move is over (RFC 9432 §4.3.2). A member that gets it is another row, since then.
alter table catalog_member add column coo text;          -- the new pool's catalog zone
create index catalog_member_coo on catalog_member (zone) where coo is not null;
create index catalog_member_ended on catalog_member (zone) where until_position is not null;

-- Up to which position of the log members that a pool's catalog does not show any more were purged: no difference of the
-- catalog reaches further back. No projection: a rebuild makes the rows again, and a comparison passes over them.
create table catalog_purged (
    pool     uuid   primary key,
    position bigint not null
);
