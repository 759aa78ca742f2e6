-- Which services run: each role of each process beats here every ten seconds. No projection.
create table service_status (
    id             uuid        primary key,
    service_name   text        not null,           -- api, central, mdns, worker, producer, sink
    hostname       text        not null,
    status         text        not null,           -- UP or STOPPED, as the service said last
    stats          jsonb       not null,
    capabilities   jsonb       not null,
    heartbeated_at timestamptz not null,
    created_at     timestamptz not null,
    updated_at     timestamptz
) with (fillfactor = 50);                          -- a beat is an update in place (HOT)
create unique index service_status_place on service_status (service_name, hostname);
