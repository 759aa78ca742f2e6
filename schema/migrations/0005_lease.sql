-- Which reconciler works on which name server. Every write to server_checkpoint and server_zone names the token it
-- works under, so that a reconciler that was paused past its lease changes nothing any more.
create table server_lease (
    server        text        primary key,
    token         bigint      not null,            -- the fencing token: one more at every new holder
    holder        text        not null,            -- which reconciler, for operators
    backend_pid   integer     not null,            -- its database session: when that is gone, so is the holder,
    backend_start timestamptz not null,            -- and nobody need wait for the lease's end
    expires_at    timestamptz not null             -- by PostgreSQL's clock, the one that all reconcilers share
);
