-- Up to which change of a pool its zones are known to have the name servers that its NS records name. No projection:
-- written by whoever has brought them there. No row: nothing is known.
create table pool_nameservers (
    pool    uuid   primary key,
    version bigint not null                        -- of the pool's stream
);
